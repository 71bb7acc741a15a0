"""A clock that the platform and the stand-ins share, and a call that is carried on until it is over."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from connectors import gateway
from connectors.calls import CallStatus
from connectors.gateway import clocks
from controlplane.lib import clock
from policies import publishing
from policies.types import PackSource
from tests import gateway_ground as ground
from tests.stand_ins import StandIns

FREE = PackSource(
    source="""package interlock.packs.free

grants contains {"rule": "free", "carries": ["personal"]}

undo_grants contains {"rule": "free"}
"""
)
"""Everything is allowed: what is proven here is not policy."""

ROUNDS = 60
IMPATIENCE_S = 0.4
LONGER_S = 0.8
CONFIRMED_EVERY = timedelta(seconds=210)


def trials(bounded: int) -> int:
    """So many in `make test`; `FAULT_CASES`, up to the full thousand, in `make test-faults`."""
    return min(int(os.environ.get("FAULT_CASES", str(bounded))), 1000)


def luck(test: str) -> random.Random:
    return random.Random(f"{test}:{os.environ.get('FAULT_SEED', '0')}")


@dataclass
class Passing:
    """Time passes for both sides alike, and only when it is told to."""

    side: SimpleNamespace
    vendors: StandIns
    now: datetime = field(default_factory=clock.now)
    confirmed_at: datetime | None = None

    def until(self, at: datetime) -> None:
        """The stand-ins' clock also runs by itself, so ours follows theirs."""
        there = self.vendors.ctl("clock", {"advance_s": max((at - self.now).total_seconds(), 0.0)})["now"]
        self.now = max(at, datetime.fromtimestamp(there, UTC))

    @contextmanager
    def at_this_time(self) -> Iterator[None]:
        """The platform's clock stands at `now`; as a sweeper would, the policy is confirmed every few minutes."""
        with clock.frozen(self.now):
            if self.confirmed_at is None or self.now - self.confirmed_at > CONFIRMED_EVERY:
                publishing.refresh(self.side.tenant.id, self.side.environment.id)
                self.confirmed_at = self.now
            yield

    def at_last(self, verb: Callable[[], CallStatus], meanwhile: Callable[[], None] = lambda: None) -> CallStatus:
        """Carry a call on, looking again whenever it asks for it; `meanwhile` happens before every look."""
        for _ in range(ROUNDS):
            meanwhile()
            with self.at_this_time():
                seen = verb()
            if seen.is_final or seen.retry_at is None:
                return seen
            self.until(max(seen.retry_at, self.now + timedelta(seconds=0.5)))
        raise AssertionError(f"it never came to an end: {seen}")


def proposed(side: SimpleNamespace, passing: Passing, tool: str, instance: str, args: dict[str, Any]) -> CallStatus:
    spec = ground.spec_for(side, tool, instance, args)
    with passing.at_this_time():
        return gateway.propose(spec=spec, actor=ground.service_actor(side))


def impatient(monkeypatch: Any, verb: Callable[[], CallStatus]) -> Callable[[], CallStatus]:
    """The verb with a short deadline the first time: a vendor that stalls is not waited for."""
    turns: list[int] = []

    def look() -> CallStatus:
        with monkeypatch.context() as patched:
            if not turns:
                patched.setattr(clocks, "HARD_DEADLINE_S", IMPATIENCE_S)
            turns.append(1)
            return verb()

    return look
