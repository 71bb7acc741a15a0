"""Connections that are kept for a moment: per thread, per host name and the address it was pinned to.

At most once holds on them, too. A connection that the other side has closed is noticed before the first byte and
replaced; one that closes under a request is a lost reply, because bytes of it have left. Only a connection whose
last reply was read whole is used again.
"""

import ssl
import threading
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import httpx2

KEPT_S = 2.0
"""Shorter than any vendor keeps an idle connection, so that both sides seldom disagree about it."""

MOST = 8
Key: TypeAlias = tuple[str, str, int | None, str]
_mine = threading.local()


@dataclass(slots=True, eq=False)
class Line:
    """One connection at most. `stream`: its socket's wrapper, to cut it from another thread."""

    key: Key
    client: httpx2.Client
    stream: Any = None

    def __del__(self) -> None:
        self.client.close()


def of(scheme: str, host: str, port: int | None, address: str) -> Line:
    """The line of this thread to a host; two names at one address never share one."""
    kept = _kept()
    key = (scheme, host, port, address)
    line = kept.pop(key, None) or Line(key, _client())
    kept[key] = line
    while len(kept) > MOST:
        drop(next(iter(kept.values())))
    return line


def drop(line: Line) -> None:
    _kept().pop(line.key, None)
    line.client.close()


def _kept() -> dict[Key, Line]:
    if not hasattr(_mine, "lines"):
        _mine.lines = {}
    lines: dict[Key, Line] = _mine.lines
    return lines


def _client() -> httpx2.Client:
    limits = httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEPT_S)
    return httpx2.Client(verify=_tls(), trust_env=False, follow_redirects=False, limits=limits)


@cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)
