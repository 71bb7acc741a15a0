"""Base HTTP of every connector: one request, one reply, no second try.

Connect within 3 s, everything within the call's deadline, bodies up to 5 MB, no redirects, no proxies from
the environment, TLS verified, and only to the address that the instance is configured for (pinned after one
look-up, so a name cannot change its mind between check and connect). A connection is kept for the next request
of the same thread to the same host (`transport_lines`); when it breaks under a request, that request has failed.
"""

import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import SplitResult, urlsplit

import httpx2

from connectors import retry_after
from connectors import transport_lines as lines
from connectors.errors import NothingSent, ReplyLost
from connectors.redaction import redact_headers
from connectors.types import CallContext, Exchange, Instance
from controlplane.lib import clock
from controlplane.lib.canonical import sha256_hex

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

CONNECT_S = 3.0
BODY_LIMIT = 5 * 1024 * 1024
USER_AGENT = "interlock/1"
REQUEST_ID_HEADERS = ("x-request-id", "request-id", "apim-request-id", "x-slack-req-id", "x-transaction-id")


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json_object(self) -> dict[str, Any] | None:
        """The body as a JSON object, fractions as strings; None when it is anything else (HTML, cut off)."""
        if "json" not in self.headers.get("content-type", ""):
            return None
        try:
            parsed = json.loads(self.body, parse_float=str, parse_constant=str)
        except (ValueError, RecursionError):
            return None
        return parsed if isinstance(parsed, dict) else None

    def retry_after_s(self) -> float | None:
        """`Retry-After` in seconds from now, between 0 and an hour; None when it is not said."""
        return retry_after.seconds(self.headers.get("retry-after", ""), now=clock.now())


@dataclass(slots=True)
class Transport:
    """The requests of one call. `exchanges` grows with each of them, answered or not."""

    ctx: CallContext
    exchanges: list[Exchange] = field(default_factory=list)

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """Send one request and read the whole reply.

        Raises NothingSent before the first byte, ReplyLost after it, and lets `SendAborted` through.
        """
        address = _admit(url, self.ctx.instance)
        started = clock.monotonic()
        remaining = self.ctx.deadline - started
        if remaining <= 0:
            raise NothingSent("deadline", "no time left before the first byte")
        wire = _Wire(self.ctx.on_first_byte, self.ctx.deadline)
        outgoing = {"user-agent": USER_AGENT, "accept-encoding": "identity", **_lowered(headers)}
        reply: Reply | None = None
        try:
            with _watchdog(remaining, wire):
                reply = _exchange(method, url, address, outgoing, body, remaining, wire)
            return reply
        finally:
            if wire.sent:
                self._log(method, url, outgoing, body, reply, clock.monotonic() - started)

    def _log(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        reply: Reply | None,
        elapsed_s: float,
    ) -> None:
        answered = reply.headers if reply else {}
        self.exchanges.append(
            Exchange(
                method=method,
                url=url.partition("?")[0],
                status=reply.status if reply else 0,
                request_sha256=sha256_hex(body),
                response_sha256=sha256_hex(reply.body) if reply else "",
                request_id=next((answered[name] for name in REQUEST_ID_HEADERS if name in answered), ""),
                elapsed_ms=round(elapsed_s * 1000),
                headers=redact_headers(headers),
            )
        )


_CONNECTED = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})


class _Wire:
    """Follows one request through httpcore's trace events, to know whether a byte of it has left.

    A process may sleep at any of them. Past the deadline somebody else may have taken the call over, so neither head
    nor body may leave then; a head without its body is no request to any server.
    """

    def __init__(self, on_first_byte: Callable[[], None], deadline: float) -> None:
        self.sent = False
        self.overdue = False
        self._on_first_byte = on_first_byte
        self._deadline = deadline
        self.line: lines.Line | None = None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self._on_first_byte()
            if self._late():
                raise NothingSent("deadline", "the worker slept before the first byte")
            self.sent = True
        elif event.endswith("send_request_body.started") and self._late():
            raise ReplyLost("timeout", "the worker slept before the body")
        elif self.line is not None and event in _CONNECTED:
            self.line.stream = info["return_value"]

    def _late(self) -> bool:
        return clock.monotonic() >= self._deadline

    def cut(self) -> None:
        """Wake a reader that a slowly dripping server would keep past the deadline."""
        self.overdue = True
        stream = self.line.stream if self.line else None
        connection = stream.get_extra_info("socket") if stream else None
        if connection is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # closed by the other thread in this very moment: nothing left to wake


@contextmanager
def _watchdog(seconds: float, wire: _Wire) -> Iterator[None]:
    timer = threading.Timer(seconds, wire.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _exchange(
    method: str,
    url: str,
    address: str,
    headers: Mapping[str, str],
    body: bytes,
    remaining: float,
    wire: _Wire,
) -> Reply:
    target = httpx2.URL(url)
    line = lines.of(target.scheme, target.host, target.port, address)
    wire.line = line
    try:
        with line.client.stream(
            method,
            target.copy_with(host=address),
            headers={**headers, "host": target.netloc.decode("ascii")},
            content=body,
            timeout=httpx2.Timeout(remaining, connect=min(CONNECT_S, remaining)),
            extensions={"trace": wire.trace, "sni_hostname": target.host},
        ) as response:
            reply = Reply(response.status_code, _lowered(response.headers), _read(response))
    except BaseException as error:
        lines.drop(line)
        if isinstance(error, httpx2.RequestError):
            raise _classified(error, wire) from error
        raise
    return reply


def _classified(error: httpx2.RequestError, wire: _Wire) -> NothingSent | ReplyLost:
    reason = type(error).__name__
    if not wire.sent:
        return NothingSent("connect_failed", reason)
    if wire.overdue or isinstance(error, httpx2.TimeoutException):
        return ReplyLost("timeout", reason)
    return ReplyLost("connection_lost", reason)


def _read(response: httpx2.Response) -> bytes:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > BODY_LIMIT:
            raise ReplyLost("body_too_large", f"more than {BODY_LIMIT} bytes")
    return bytes(content)


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _admit(url: str, instance: Instance) -> str:
    """The IP address to connect to, or NothingSent('egress_denied'): the allow-list of one instance."""
    target, home = urlsplit(url), urlsplit(instance.base_url)
    if (target.scheme, target.hostname, target.port) != (home.scheme, home.hostname, home.port):
        raise _denied(f"{target.hostname} is not the configured host")
    address = _resolve(target)
    if address.is_loopback and instance.allow_loopback:
        return str(address)
    if target.scheme != "https":
        raise _denied("only https leaves this machine")
    if not _reachable(address, private=bool(instance.config.get("allow_private_network"))):
        raise _denied(f"{target.hostname} is not at an address that a connector may reach")
    return str(address)


def _reachable(address: IpAddress, *, private: bool) -> bool:
    """Public, or private where the instance says so; never this machine, a metadata service or a group."""
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return address.is_global or (private and address.is_private)


def _resolve(target: SplitResult) -> IpAddress:
    if not target.hostname:
        raise _denied("no host")
    port = target.port or (443 if target.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(target.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NothingSent("dns_failed", target.hostname) from error
    addresses = [_unwrapped(ipaddress.ip_address(entry[4][0])) for entry in found]
    return min(addresses, key=lambda address: address.version)


def _unwrapped(address: IpAddress) -> IpAddress:
    """The IPv4 address inside an IPv6 one (mapped, 6to4, NAT64): that is where the packet ends up."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _denied(detail: str) -> NothingSent:
    return NothingSent("egress_denied", detail, permanent=True)
