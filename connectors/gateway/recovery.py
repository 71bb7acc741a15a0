"""unknown → probe: nobody knows whether the call landed, so the target is asked, never told again.

A worker that died after dispatch leaves the call DISPATCHED under a lease that runs out; its first byte cannot
leave after that (`clocks`), so the call is declared unknown and looked for.
"""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import transaction

from connectors import locks
from connectors.calls import CallState, CallStatus
from connectors.errors import SendAborted
from connectors.events import CallProbed, CallUnknown
from connectors.gateway import clocks, sending, settlement, verification
from connectors.gateway.binding import Bound, content, dispatched
from connectors.gateway.status import status
from connectors.models import ToolCall
from connectors.types import CannotTell, Done, Failed, Landed, NotLanded, Probe, Unknown, WriteVerbs
from controlplane.lib import clock
from controlplane.lib.errors import LostRace
from controlplane.lib.logs import get_logger
from evidence.services import record
from tenants.actors import Actor
from tenants.errors import CredentialMissing

log = get_logger(__name__)

NEEDS_PERSON = "needs_person"


def probe(*, call_id: UUID, actor: Actor) -> CallStatus:
    """Look for the effect of a call whose outcome is unknown; also declares a lost worker's call unknown.

    Goes on during every halt: it only reads. Landed → SUCCEEDED; absent after the action's settle time →
    FAILED_TRANSIENT, so that `advance` may send it again under the same marker; else later, then a person.
    """
    declare_lost(call_id=call_id, actor=actor)
    call = _claim(call_id)
    if call is None:
        return status(call_id=call_id)
    bound = _bound(call)
    found = _look(call, bound)
    try:
        if isinstance(found, Landed):
            _landed(call, bound, found, actor)
        else:
            _absent_or_unclear(call, found, actor)
    except LostRace:
        log.info("call %s was settled by someone else while it was probed", call_id)
    return status(call_id=call_id)


@transaction.atomic(durable=True)
def declare_lost(*, call_id: UUID, actor: Actor) -> None:
    """DISPATCHED and its lease has run out: whoever sent it is gone. A read is simply asked again."""
    call = locks.claim(call_id, frozenset({CallState.DISPATCHED}))
    if call is None:
        return
    if call.kind == "write":
        locks.move(call, CallState.UNKNOWN, code="worker_lost", retry_at=clock.now(), lease_until=None)
        event = CallUnknown(call.pk, call.attempts, call.tool, "worker_lost")
        record(event, actor=actor, workspace_id=call.workspace_id, run_id=call.told_run_id)
        return
    settlement.settle_open(call, dispatched(call), Unknown("worker_lost"), actor=actor)


@transaction.atomic(durable=True)
def _claim(call_id: UUID) -> ToolCall | None:
    return locks.claim(call_id, frozenset({CallState.UNKNOWN}))


@transaction.atomic
def _bound(call: ToolCall) -> Bound:
    return dispatched(call)


def _look(call: ToolCall, bound: Bound) -> Probe:
    """What the target says. A probe that fails proves nothing."""
    verbs = bound.tool.verbs
    if not isinstance(verbs, WriteVerbs):
        return NotLanded()
    try:
        context = sending.context_for(call, bound.draft.instance, gate=sending.probe_gate)
        return verbs.probe(context, bound.action.args, bound.action.expected)
    except (CredentialMissing, SendAborted) as reason:
        return CannotTell(reason.detail)
    except Exception:
        log.exception("the probe of %s failed", call.tool)
        return CannotTell("the probe failed")


def _landed(call: ToolCall, bound: Bound, found: Landed, actor: Actor) -> None:
    done = Done(output=found.output, before=_before(call), after=found.after)
    verified = verification.verify(call, bound, done)
    with transaction.atomic(durable=True):
        settlement.settle_open(call, bound, done, actor=actor, verified=verified)


@transaction.atomic
def _before(call: ToolCall) -> dict[str, Any] | None:
    return content(call.before_digest)


@transaction.atomic(durable=True)
def _absent_or_unclear(call: ToolCall, found: NotLanded | CannotTell, actor: Actor) -> None:
    now = clock.now()
    event = CallProbed(call.pk, call.attempts, call.probes + 1, call.tool, _WORDS[type(found)])
    record(event, actor=actor, workspace_id=call.workspace_id, run_id=call.told_run_id)
    sent_at = call.dispatched_at or now
    settle_time_s = dispatched(call).tool.action.settle_time_s
    if isinstance(found, NotLanded) and clocks.absence_proven(sent_at, now, settle_time_s):
        settlement.settle_open(call, dispatched(call), Failed(False, "not_landed"), actor=actor)
        return
    _look_again(call, found, settle_time_s)


def _look_again(call: ToolCall, found: NotLanded | CannotTell, settle_time_s: int) -> None:
    """Later; an absence is looked at once more when the settle time is over, doubt goes to a person."""
    probes = call.probes + 1
    retry_at = clocks.next_probe(clock.now(), probes)
    if isinstance(found, NotLanded) and call.dispatched_at:
        over = call.dispatched_at + timedelta(seconds=settle_time_s)
        retry_at = min(retry_at, over) if retry_at else over
    code = call.code if retry_at else NEEDS_PERSON
    locks.move(call, CallState.UNKNOWN, probes=probes, retry_at=retry_at, code=code, lease_until=None)


_WORDS: Mapping[type, str] = MappingProxyType({NotLanded: "not_landed", CannotTell: "cannot_tell"})
