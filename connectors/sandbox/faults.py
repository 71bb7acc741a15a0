"""Faults on demand: what networks and vendors do to a caller at the worst moment.

A fault matches by method, part of the path and parts of the body, and strikes a given number of times. A kind
is a function of the real handler: it may run it or not, and answer or not (None: the connection is cut
without a reply).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from connectors.sandbox.wire import Request, Response, page, reply

Serve = Callable[[], Response]
Strike = Callable[[Serve, dict[str, Any]], Response | None]

HIBERNATING = (
    "<html><head><title>Instance Hibernating page</title></head><body>Your instance is hibernating</body></html>"
)
CANCELLED = "Transaction cancelled: maximum execution time exceeded"
SERVER_ERROR = {
    "error": {"message": CANCELLED, "detail": f"{CANCELLED}. Check logs for error trace."},
    "status": "failure",
}


def _drop_before(serve: Serve, args: dict[str, Any]) -> Response | None:
    return None


def _drop_after(serve: Serve, args: dict[str, Any]) -> Response | None:
    serve()
    return None


def _hang_after(serve: Serve, args: dict[str, Any]) -> Response | None:
    serve()
    time.sleep(float(args.get("seconds", 60)))
    return None


def _slow(serve: Serve, args: dict[str, Any]) -> Response | None:
    time.sleep(float(args.get("seconds", 2)))
    return serve()


def _status(serve: Serve, args: dict[str, Any]) -> Response | None:
    body = args.get("body", SERVER_ERROR)
    raw = body if isinstance(body, str) else json.dumps(body)
    return Response(int(args.get("status", 503)), raw.encode(), args.get("headers", {}))


def _status_after(serve: Serve, args: dict[str, Any]) -> Response | None:
    serve()
    return _status(serve, {"status": 500, **args})


def _too_many(serve: Serve, args: dict[str, Any]) -> Response | None:
    wait = str(args.get("retry_after", 1))
    body = args.get("body", {"ok": False, "error": {"message": "Rate limit exceeded", "detail": None}})
    return reply(429, body, {"Retry-After": wait})


def _html(serve: Serve, args: dict[str, Any]) -> Response | None:
    return page(args.get("body", HIBERNATING))


def _truncate(serve: Serve, args: dict[str, Any]) -> Response | None:
    whole = serve()
    return Response(whole.status, whole.body[: len(whole.body) // 2], whole.headers, whole.content_type)


def _half_body(serve: Serve, args: dict[str, Any]) -> Response | None:
    """Half of what was promised by Content-Length; `seconds`: and then nothing for so long, before the cut."""
    whole = serve()
    return replace(whole, sent=len(whole.body) // 2, stalls_s=float(args.get("seconds", 0)))


def _late(serve: Serve, args: dict[str, Any]) -> Response | None:
    """The connection is cut first; the request is worked on when `/__ctl/land` says so."""
    args["held"].append(serve)
    return None


def _dup(serve: Serve, args: dict[str, Any]) -> Response | None:
    serve()
    return serve()


KINDS: dict[str, Strike] = {
    "drop_before": _drop_before,
    "drop_after": _drop_after,
    "hang_after": _hang_after,
    "slow": _slow,
    "status": _status,
    "500_after": _status_after,
    "429": _too_many,
    "html": _html,
    "truncate": _truncate,
    "half_body": _half_body,
    "late": _late,
    "dup": _dup,
}


@dataclass
class Fault:
    """`times` counts down to 0; `struck` counts up."""

    kind: str
    method: str = ""
    path: str = ""
    contains: tuple[str, ...] = ()
    times: int = 1
    args: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid4().hex)
    struck: int = 0
    held: list[Serve] = field(default_factory=list, repr=False)

    def matches(self, request: Request) -> bool:
        body = request.body.decode(errors="replace")
        return (
            self.times > 0
            and self.method in ("", request.method)
            and self.path in request.path
            and all(part in body for part in self.contains)
        )

    def described(self) -> dict[str, Any]:
        told = {name: value for name, value in self.__dict__.items() if name != "held"}
        return {**told, "contains": list(self.contains)}


class Faults:
    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._held: list[Serve] = []
        self._lock = threading.Lock()

    def add(self, spec: dict[str, Any]) -> Fault:
        """`{"kind", "match".

        {"method", "path", "contains": str | list}, "times", "args"}`; unknown kinds raise KeyError.
        """
        match = spec.get("match", {})
        parts = match.get("contains", [])
        fault = Fault(
            kind=spec["kind"],
            method=match.get("method", ""),
            path=match.get("path", ""),
            contains=(parts,) if isinstance(parts, str) else tuple(parts),
            times=int(spec.get("times", 1)),
            args=spec.get("args", {}),
        )
        KINDS[fault.kind]
        fault.held = self._held
        with self._lock:
            self._faults.append(fault)
        return fault

    def take(self, request: Request) -> Fault | None:
        """The first fault that matches, used up by one."""
        with self._lock:
            fault = next((fault for fault in self._faults if fault.matches(request)), None)
            if fault:
                fault.times -= 1
                fault.struck += 1
            return fault

    def land(self) -> int:
        """Work on the requests whose answers were cut off before; how many there were."""
        with self._lock:
            held = self._held[:]
            self._held.clear()
        for serve in held:
            serve()
        return len(held)

    def listed(self) -> list[dict[str, Any]]:
        with self._lock:
            return [fault.described() for fault in self._faults]

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()


def strike(fault: Fault | None, serve: Serve) -> Response | None:
    return KINDS[fault.kind](serve, {**fault.args, "held": fault.held}) if fault else serve()
