"""What really happened: every effect on a vendor's record, and every request on the wire.

Tests and the demo judge the platform by this ledger, never by the platform's own database.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

from connectors.sandbox.clock import Clock

MARKER = re.compile(r"\[([a-z][a-z0-9_-]*:[^\]\s]+)\]")
LOG_LIMIT = 20_000


def markers_in(text: str) -> list[str]:
    """Machine markers such as `[interlock:4f2a:wb]`, in order of appearance."""
    return MARKER.findall(text)


@dataclass
class Ledger:
    """Append-only list of effects, each with its time (`at`, unix seconds of the stand-ins' clock).

    `origin` is `api` for a client's call and `person` for a hand on the vendor's own page.
    """

    clock: Clock
    entries: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *, vendor: str, kind: str, target: str, actor: str, origin: str, **detail: Any) -> None:
        with self.lock:
            row = {"seq": len(self.entries) + 1, "at": self.clock.now(), "vendor": vendor, "kind": kind}
            self.entries.append({**row, "target": target, "actor": actor, "origin": origin, **detail})

    def select(self, *, since: int = 0, **equal: str) -> list[dict[str, Any]]:
        with self.lock:
            rows = self.entries[since:]
        return [row for row in rows if all(row.get(key) == value for key, value in equal.items())]


@dataclass
class WireLog:
    """Requests as they came in, with the status that was answered (0: the connection was dropped)."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    count: int = 0

    def opened(self, row: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.count += 1
            row["seq"] = self.count
            self.rows.append(row)
            del self.rows[:-LOG_LIMIT]
        return row

    def select(self, *, since: int = 0, path: str = "", method: str = "") -> list[dict[str, Any]]:
        with self.lock:
            rows = [row for row in self.rows if row["seq"] > since]
        return [row for row in rows if path in row["path"] and method in ("", row["method"])]
