"""The base transport against hostile servers: one request, whole replies only, nowhere else, in time."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from connectors.errors import NothingSent, ReplyLost, SendAborted
from connectors.transport import BODY_LIMIT, Reply, Transport, _Wire
from connectors.types import CallContext, Instance
from controlplane.lib import clock

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A server on loopback; yields its address and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer(self)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def context(
    base_url: str,
    *,
    seconds: float = 3.0,
    gate: Callable[[], None] = lambda: None,
    loopback: bool = True,
    **config: object,
) -> CallContext:
    instance = Instance("x", "x", base_url, config, allow_loopback=loopback)
    return CallContext(instance, {}, "", clock.monotonic() + seconds, gate)


def get(ctx: CallContext, path: str = "/", headers: dict[str, str] | None = None) -> Reply:
    return Transport(ctx).send("GET", ctx.instance.base_url + path, headers=headers or {})


def plain(handler: BaseHTTPRequestHandler, status: int = 200, body: bytes = b'{"ok":true}', **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def test_a_reply_is_read_whole_and_its_exchange_kept_without_secrets() -> None:
    with serving(plain) as (url, _):
        transport = Transport(context(url))
        reply = transport.send("GET", f"{url}/a?secret=1", headers={"Authorization": "Bearer s3cret"})
    (exchange,) = transport.exchanges
    assert reply.json_object() == {"ok": True}
    assert (exchange.url, exchange.status) == (f"{url}/a", 200)
    assert exchange.headers["authorization"] == "[redacted]"
    assert "s3cret" not in repr(exchange)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with serving(lambda handler: plain(handler, 302, Location="/elsewhere")) as (url, asked):
        assert get(context(url)).status == 302
    assert asked == ["/"]


def test_proxies_and_netrc_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(plain) as (url, asked):
        assert get(context(url)).status == 200
    assert asked == ["/"]


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then: no single read ever times out."""
    try:
        handler.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(200):
            handler.connection.sendall(b"a")
            time.sleep(0.05)
    except OSError:
        return


def test_a_dripping_server_cannot_outlive_the_deadline() -> None:
    with serving(dripping) as (url, _):
        started = time.monotonic()
        with pytest.raises(ReplyLost, match="timeout"):
            get(context(url, seconds=0.5))
        assert time.monotonic() - started < 1.5


def test_a_body_over_the_limit_is_a_lost_reply() -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        try:
            plain(handler, body=b"x" * (BODY_LIMIT + 1))
        except OSError:
            return

    with serving(endless) as (url, _), pytest.raises(ReplyLost, match="body_too_large"):
        get(context(url))


def test_a_body_cut_short_is_a_lost_reply() -> None:
    with serving(lambda handler: plain(handler, **{"Content-Length": "999"})) as (url, _), pytest.raises(ReplyLost):
        get(context(url, seconds=1))


def test_an_abort_right_before_the_first_byte_sends_nothing() -> None:
    def stop() -> None:
        raise SendAborted("halted")

    with serving(plain) as (url, asked):
        transport = Transport(context(url, gate=stop))
        with pytest.raises(SendAborted):
            transport.send("GET", url, headers={})
    assert asked == []
    assert transport.exchanges == []


def test_no_time_left_sends_nothing() -> None:
    with serving(plain) as (url, asked), pytest.raises(NothingSent, match="deadline"):
        get(context(url, seconds=-1))
    assert asked == []


def test_nobody_listening_is_nothing_sent() -> None:
    with pytest.raises(NothingSent, match="connect_failed"):
        get(context("http://127.0.0.1:1"))


DENIED = [
    ("http://127.0.0.1:8090", False, {}),
    ("https://127.0.0.1:8090", False, {"allow_private_network": True}),
    ("http://10.0.0.1", True, {"allow_private_network": True}),
    ("https://10.0.0.1", True, {}),
    ("https://192.168.1.1", True, {}),
    ("https://169.254.169.254", True, {"allow_private_network": True}),
    ("https://[fe80::1]", True, {"allow_private_network": True}),
    ("https://0.0.0.0", True, {"allow_private_network": True}),
    ("https://224.0.0.1", True, {"allow_private_network": True}),
    ("https://[::ffff:127.0.0.1]", False, {"allow_private_network": True}),
    ("https://[::ffff:169.254.169.254]", False, {"allow_private_network": True}),
    ("https://[64:ff9b::a9fe:a9fe]", True, {"allow_private_network": True}),
    ("https://[2002:7f00:1::]", False, {"allow_private_network": True}),
]


@pytest.mark.parametrize(("base_url", "loopback", "config"), DENIED)
def test_an_address_outside_the_allow_list_is_denied(base_url: str, loopback: bool, config: dict[str, object]) -> None:
    with pytest.raises(NothingSent, match="egress_denied") as refused:
        get(context(base_url, loopback=loopback, **config))
    assert refused.value.permanent


@pytest.mark.parametrize("url", ["https://elsewhere.test/", "http://127.0.0.1:1/", "ftp://127.0.0.1/", "https://"])
def test_another_host_than_the_configured_one_is_denied(url: str) -> None:
    with serving(plain) as (home, asked), pytest.raises(NothingSent, match="egress_denied"):
        Transport(context(home)).send("GET", url, headers={})
    assert asked == []


def _sleeping_after(event: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour passes behind this event of the wire."""
    slept: list[float] = []
    monotonic, trace = clock.monotonic, _Wire.trace

    def traced(wire: _Wire, name: str, info: Mapping[str, Any]) -> None:
        trace(wire, name, info)
        if name.endswith(event):
            slept.append(3600.0)

    monkeypatch.setattr(_Wire, "trace", traced)
    monkeypatch.setattr(clock, "monotonic", lambda: monotonic() + sum(slept))


def test_a_worker_that_slept_before_the_first_byte_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before a later request of the same call, which no send window guards."""
    with serving(plain) as (url, asked):
        ctx = context(url)
        assert get(ctx).status == 200
        _sleeping_after("connect_tcp.complete", monkeypatch)
        with pytest.raises(NothingSent):
            get(ctx, "/late")
        assert asked == ["/"]


def test_a_worker_that_slept_between_head_and_body_does_not_complete_its_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(plain) as (url, _):
        _sleeping_after("send_request_headers.complete", monkeypatch)
        with pytest.raises(ReplyLost):
            Transport(context(url)).send("GET", f"{url}/late", headers={}, body=b"{}")
