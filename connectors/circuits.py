"""The circuit breaker of a connector instance: when calls are held because the target is in trouble. Pure.

closed → (failures in a row) → open → (one try when its time has come) → half-open → closed, or open for longer.
Only transient and unknown outcomes count as failures; a refusal is an answer, and an answer is a sign of life.
Forward work and the undoing of work each have tries of their own, so that neither uses up the other's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias
from uuid import UUID

from connectors.calls import Lane
from connectors.types import Done, Failed, NotSent, Outcome, Unknown

THRESHOLD = 10
"""Failures in a row. More than the retries of one step: a single run does not stop everybody's."""

COOL_DOWN_S, LONGEST_COOL_DOWN_S = 15, 300
UNDO_PAUSE_S = 10
TRY_AGAIN_S = 2
"""How soon to look again while another call's try is under way."""


class CircuitState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Sign(Enum):
    """What an outcome says about the target, not about the call."""

    ALIVE = "alive"
    IN_TROUBLE = "in_trouble"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Tries:
    """The tries of one lane while the circuit is open: the next not before `next_at`; `call_id` is trying now,
    until `until` at the latest (a worker that died gives its try back that way)."""

    next_at: datetime | None = None
    until: datetime | None = None
    call_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """`failures` in a row; `trips`: how often it opened in a row without having closed."""

    state: CircuitState = CircuitState.CLOSED
    failures: int = 0
    trips: int = 0
    opened_at: datetime | None = None
    forward: Tries = Tries()
    undo: Tries = Tries()


@dataclass(frozen=True, slots=True)
class Go:
    """Send. `standing`: written down first when the call is a try."""

    standing: Standing | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    retry_at: datetime


def admission(now: Standing, lane: Lane, *, call_id: UUID, at: datetime, lease_s: int) -> Go | Hold:
    """May this call be sent now?"""
    if now.state is CircuitState.CLOSED:
        return Go()
    tries = _tries(now, lane)
    if tries.next_at is not None and tries.next_at > at:
        return Hold(tries.next_at)
    if tries.until is not None and tries.until > at and tries.call_id != call_id:
        return Hold(at + timedelta(seconds=TRY_AGAIN_S))
    trying = Tries(tries.next_at, at + timedelta(seconds=lease_s), call_id)
    return Go(_with(replace(now, state=CircuitState.HALF_OPEN), lane, trying))


def after(now: Standing, sign: Sign, lane: Lane, *, call_id: UUID, at: datetime, asked_s: float | None) -> Standing:
    """The standing after a call has ended. `asked_s`: how long the target wants to be left alone."""
    mine = _tries(now, lane).call_id == call_id
    return _AFTER[(sign, now.state is CircuitState.CLOSED, mine)](now, lane, at, asked_s)


def sign_of(outcome: Outcome) -> Sign:
    return _SIGNS[type(outcome)](outcome)


def cool_down_s(trips: int) -> int:
    """Doubling from 15 s to 5 min with every try that failed."""
    return int(min(COOL_DOWN_S * 2 ** min(max(trips - 1, 0), 10), LONGEST_COOL_DOWN_S))


def _count(now: Standing, lane: Lane, at: datetime, asked_s: float | None) -> Standing:  # noqa: ARG001 - as in _AFTER
    """One more failure in a row, at the last of which the circuit opens; an undo may try at once."""
    failures = now.failures + 1
    if failures < THRESHOLD:
        return replace(now, failures=failures)
    return Standing(
        state=CircuitState.OPEN,
        failures=failures,
        trips=1,
        opened_at=at,
        forward=Tries(_later(at, cool_down_s(1), asked_s)),
        undo=Tries(at),
    )


def _reopen(now: Standing, lane: Lane, at: datetime, asked_s: float | None) -> Standing:
    """The try failed: this lane waits longer, the other one as before."""
    undoing = lane is Lane.COMPENSATION
    trips = now.trips if undoing else now.trips + 1
    rest = UNDO_PAUSE_S if undoing else cool_down_s(trips)
    failed = replace(now, failures=now.failures + 1, trips=trips)
    return _reposed(_with(failed, lane, Tries(_later(at, rest, asked_s))))


def _give_back(now: Standing, lane: Lane, at: datetime, asked_s: float | None) -> Standing:  # noqa: ARG001
    """The try did not take place."""
    return _reposed(_with(now, lane, Tries(at)))


def _close(now: Standing, lane: Lane, at: datetime, asked_s: float | None) -> Standing:  # noqa: ARG001
    return Standing()


def _stay(now: Standing, lane: Lane, at: datetime, asked_s: float | None) -> Standing:  # noqa: ARG001
    """A call that left before the circuit opened says nothing about now."""
    return now


def _reposed(now: Standing) -> Standing:
    trying = now.forward.call_id or now.undo.call_id
    return replace(now, state=CircuitState.HALF_OPEN if trying else CircuitState.OPEN)


def _later(at: datetime, rest_s: float, asked_s: float | None) -> datetime:
    return at + timedelta(seconds=max(rest_s, asked_s or 0.0))


def _tries(now: Standing, lane: Lane) -> Tries:
    return now.undo if lane is Lane.COMPENSATION else now.forward


def _with(now: Standing, lane: Lane, tries: Tries) -> Standing:
    return replace(now, undo=tries) if lane is Lane.COMPENSATION else replace(now, forward=tries)


def _failed_sign(outcome: Failed) -> Sign:
    """A refusal that came over the wire is an answer; one of our own says nothing about the target."""
    if not outcome.permanent:
        return Sign.IN_TROUBLE
    return Sign.ALIVE if any(exchange.status for exchange in outcome.wire) else Sign.NOTHING


_SIGNS: Mapping[type, Callable[[Any], Sign]] = MappingProxyType(
    {
        Done: lambda _: Sign.ALIVE,
        Failed: _failed_sign,
        Unknown: lambda _: Sign.IN_TROUBLE,
        NotSent: lambda _: Sign.NOTHING,
    }
)
_Step: TypeAlias = Callable[[Standing, Lane, datetime, float | None], Standing]

# what was learnt, whether the circuit is closed, whether the call is the lane's try
_AFTER: Mapping[tuple[Sign, bool, bool], _Step] = MappingProxyType(
    {
        **dict.fromkeys([(Sign.ALIVE, True, True), (Sign.ALIVE, True, False), (Sign.ALIVE, False, True)], _close),
        **dict.fromkeys([(Sign.IN_TROUBLE, True, True), (Sign.IN_TROUBLE, True, False)], _count),
        (Sign.IN_TROUBLE, False, True): _reopen,
        (Sign.NOTHING, False, True): _give_back,
        **dict.fromkeys(
            [
                (Sign.ALIVE, False, False),
                (Sign.IN_TROUBLE, False, False),
                (Sign.NOTHING, False, False),
                (Sign.NOTHING, True, True),
                (Sign.NOTHING, True, False),
            ],
            _stay,
        ),
    }
)
