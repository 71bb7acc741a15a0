"""Connections are kept, and at most once holds on them: nothing is sent a second time on a stale one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from connectors import transport_lines as lines
from connectors.errors import ReplyLost
from connectors.transport import Transport
from tests.integration.drivers.test_base_transport import context


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[str] = []
        self.ports: list[int] = []
        self.hang_up: set[str] = set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(self.path)
        self.server.ports.append(self.client_address[1])
        self.close_connection = self.path in self.server.hang_up
        if self.path == "/lost":
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def _serving() -> Iterator[tuple[str, _Server]]:
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _post(url: str, path: str) -> int:
    return Transport(context(url)).send("POST", url + path, headers={}, body=b"x").status


def test_the_next_request_takes_the_same_connection() -> None:
    with _serving() as (url, server):
        assert [_post(url, "/a"), _post(url, "/b")] == [200, 200]
    assert len(set(server.ports)) == 1


def test_a_connection_closed_meanwhile_is_replaced_and_the_write_is_sent_once() -> None:
    with _serving() as (url, server):
        server.hang_up = {"/a"}
        _post(url, "/a")
        assert _post(url, "/b") == 200
    assert server.requests == ["/a", "/b"]
    assert len(set(server.ports)) == 2


def test_a_connection_that_breaks_under_a_write_is_a_lost_reply_not_a_second_try() -> None:
    with _serving() as (url, server):
        _post(url, "/a")
        with pytest.raises(ReplyLost):
            _post(url, "/lost")
        assert _post(url, "/b") == 200
    assert server.requests == ["/a", "/lost", "/b"]


def test_two_names_at_one_address_do_not_share_a_connection() -> None:
    one, other = (lines.of("https", name, 443, "203.0.113.7") for name in ("a.example", "b.example"))
    assert one is not other
    assert lines.of("https", "a.example", 443, "203.0.113.7") is one
    for line in (one, other):
        lines.drop(line)
