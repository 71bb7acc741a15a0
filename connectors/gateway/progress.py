"""advance: one call as far as it can go without waiting. Whoever holds the lease goes, everybody else looks on."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, transaction

from connectors import locks
from connectors.calls import FINAL, OPEN, CallState, CallStatus
from connectors.gateway import clocks, dispatch, observation, recovery, sending, settlement, verification, waiting
from connectors.gateway.decision import Ruling, decide
from connectors.gateway.errors import DecideAgain
from connectors.gateway.status import status
from connectors.models import ToolCall
from connectors.types import Label
from controlplane.lib import clock
from controlplane.lib.errors import LostRace
from controlplane.lib.logs import bind, get_logger
from tenants.actors import Actor
from tenants.errors import PayloadExpired

log = get_logger(__name__)

MOST_ROUNDS = 3


def advance(*, call_id: UUID, actor: Actor) -> CallStatus:
    """observe → decide → wait | dispatch → send → settle. Safe to call at any time, any number of times.

    A call that is unknown is probed instead when its time has come. `actor` is who carries this out (an engine,
    a worker); the subject of the decision is who proposed the call.
    """
    with bind(call_id=call_id):
        recovery.declare_lost(call_id=call_id, actor=actor)
        call = _claim(call_id)
        if call is None:
            return _look_on(call_id, actor)
        try:
            _go_or_end(call, actor)
        except LostRace:
            log.info("the call was moved by someone else")
        return status(call_id=call_id)


@transaction.atomic(durable=True)
def _claim(call_id: UUID) -> ToolCall | None:
    return locks.claim(call_id, OPEN)


def _look_on(call_id: UUID, actor: Actor) -> CallStatus:
    """Closed, unknown, or in somebody else's hands: then look again soon, or a wake-up could be lost."""
    seen = status(call_id=call_id)
    if seen.state is CallState.UNKNOWN and seen.retry_at is not None and seen.retry_at <= clock.now():
        return recovery.probe(call_id=call_id, actor=actor)
    if seen.state in FINAL or seen.state is CallState.UNKNOWN:
        return seen
    return replace(seen, retry_at=clock.now() + timedelta(seconds=clocks.HOLD_RETRY_S))


def _go_or_end(call: ToolCall, actor: Actor) -> None:
    try:
        _go(call, actor)
    except PayloadExpired as gone:
        _without_content(call, gone, actor)


def _go(call: ToolCall, actor: Actor) -> None:
    if not _observed(call, actor):
        return
    for _ in range(MOST_ROUNDS):
        ruling = _ruled(call, actor)
        if ruling is None:
            return
        try:
            ticket = dispatch.dispatch(call, ruling, actor=actor)
        except DecideAgain as stale:
            log.info("decided again: %s", stale)
            call = _again(call)
            continue
        if ticket is not None:
            _send_and_settle(call, ruling, ticket, actor)
        return
    _give_way(call, "decision_stale", actor)


def _ruled(call: ToolCall, actor: Actor) -> Ruling | None:
    """The ruling; None also when it could not be recorded, because an unrecorded decision is none."""
    try:
        return decide(call, actor=actor)
    except DatabaseError:
        log.exception("a decision was not recorded")
        _give_way(_again(call), "decision_not_recorded", actor)
        return None


def _observed(call: ToolCall, actor: Actor) -> bool:
    reading = observation.reading_for(call)
    if reading is None:
        return True
    return observation.take_over(call, advance(call_id=reading.pk, actor=actor), actor=actor)


def _send_and_settle(call: ToolCall, ruling: Ruling, ticket: dispatch.Ticket, actor: Actor) -> None:
    outcome = sending.send(call, ruling.bound, ticket, sealed=ruling.wants_seal)
    verified = verification.verify(call, ruling.bound, outcome)
    outcome = verification.judged(outcome, verified)
    settlement.settle(call, ruling.bound, outcome, actor=actor, verified=verified, suspected=ticket.suspected)


@transaction.atomic(durable=True)
def _without_content(call: ToolCall, gone: PayloadExpired, actor: Actor) -> None:
    """What it was to say is no longer kept, so it cannot be sent, now or later. One that left already is looked for."""
    held = locks.still_held(call)
    if held.state not in OPEN:
        return
    waiting.give_up(held, reason=gone.code, actor=actor)
    if held.compensates_id is not None:
        locks.amend(held, label=Label.FAILED.value)
    waiting.close(held, CallState.FAILED_PERMANENT, code=gone.code, detail=gone.detail, actor=actor)


@transaction.atomic
def _again(call: ToolCall) -> ToolCall:
    """The call as the database has it after a rolled back dispatch."""
    return locks.still_held(call)


@transaction.atomic(durable=True)
def _give_way(call: ToolCall, code: str, actor: Actor) -> None:
    """The ground moves (policy, history of the ticket) or gives way (evidence): not now."""
    soon = clock.now() + timedelta(seconds=clocks.HOLD_RETRY_S)
    waiting.hold(call, CallState.THROTTLED, code=code, retry_at=soon, actor=actor)
