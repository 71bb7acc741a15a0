"""The stand-ins' own time: real time plus an offset that `/__ctl/clock` moves (token expiry, trigger ids)."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    def __init__(self) -> None:
        self.offset_s = 0.0

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self.offset_s

    def stamp(self) -> str:
        """ServiceNow's raw date form, UTC."""
        return datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%d %H:%M:%S")

    def advance(self, seconds: float) -> None:
        self.offset_s += seconds
