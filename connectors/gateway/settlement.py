"""settle: ONE transaction with the outcome, the images, the undo that follows from them, the usage, the evidence."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.db import transaction

from connectors import locks
from connectors.calls import CallState
from connectors.events import CallCompleted, CallFailed, CallNotSent, CallUnknown
from connectors.gateway import aftermath, breaker, clocks, history, reconciling, spending, tools
from connectors.gateway.aftermath import Judgement, ToldBy
from connectors.gateway.binding import Bound, content
from connectors.gateway.display import recipe_document
from connectors.models import CallAttempt, ToolCall
from connectors.retry_after import pause_s
from connectors.types import (
    Done,
    Exchange,
    Failed,
    JsonObject,
    Kind,
    Label,
    NotSent,
    Outcome,
    UndoRecipe,
    Unknown,
    Verified,
    WriteVerbs,
)
from controlplane.lib import clock
from controlplane.lib.canonical import canonical
from controlplane.lib.events import Committed
from evidence.services import record
from metering import services as metering
from metering.types import Cost, Usage
from tenants import payloads, quick
from tenants.actors import Actor
from tenants.models.secrets import NOBODY

BY_PERSON = "landed_says_person"


@dataclass(frozen=True)
class Settling:
    """What all ways of settling need."""

    call: ToolCall
    bound: Bound
    actor: Actor
    verified: Verified | None = None
    told_by: ToldBy = ToldBy.REPLY
    judged: bool = False


@transaction.atomic(durable=True)
def settle(
    call: ToolCall,
    bound: Bound,
    outcome: Outcome,
    *,
    actor: Actor,
    verified: Verified | None = None,
    suspected: bool = False,
) -> None:
    """What sending came to. Raises LostRace when somebody took the call over: it is then theirs to find out.

    `suspected`: the circuit of the instance had failures on it when the call was dispatched.
    """
    breaker.learn(call, bound.draft.instance, outcome, suspected=suspected, actor=actor)
    settle_open(call, bound, outcome, actor=actor, verified=verified)


def settle_open(
    call: ToolCall,
    bound: Bound,
    outcome: Outcome,
    *,
    actor: Actor,
    verified: Verified | None = None,
    told_by: ToldBy = ToldBy.REPLY,
    judged: bool = False,
) -> None:
    """Settle as part of an open transaction; not known from sending, so the circuit learns nothing.

    `judged`: a person has said what becomes of it, so policy is not asked once more.
    """
    history.learn(call, bound, outcome)
    in_doubt = call.state == CallState.UNKNOWN
    _OUTCOMES[type(outcome)](Settling(call, bound, actor, verified, told_by, judged), outcome)
    if in_doubt and call.state != CallState.UNKNOWN:
        reconciling.found_out(call)


def _done(now: Settling, outcome: Done) -> None:
    problem = tools.output_problem(now.bound.tool.action, outcome.output)
    if problem and now.call.kind != Kind.WRITE:
        failed = Failed(True, "output_invalid", problem, usage=outcome.usage, wire=outcome.wire)
        _failed(now, failed)
        return
    call, judgement = now.call, _judgement(now, outcome)
    if judgement.doubt:
        _in_doubt(now, outcome, judgement)
        return
    cost = _book(now, spending.used(call, outcome.usage))
    state, code, detail = _done_state(now, outcome, problem)
    told = {"code": code, "detail": detail[:500], "label": _label(now)}
    locks.move(call, state, **told, **_images(now, outcome), **_settled())
    _close_attempt(call, "done", call.code, call.detail, outcome.wire)
    _record(now, _completed(now, outcome, cost))
    if judgement.undo and judgement.decision is not None:
        aftermath.turn_back(call, judgement.decision, now.actor)


def _judgement(now: Settling, outcome: Done) -> Judgement:
    """What policy says of a write that reads as it should, unless a person has said it."""
    if now.judged or (now.verified is not None and not now.verified.reads_as_written):
        return aftermath.STANDS
    return aftermath.judge(now.call, now.bound, outcome, told_by=now.told_by, actor=now.actor)


def _in_doubt(now: Settling, outcome: Done, judgement: Judgement) -> None:
    """It has landed and its images are kept, but nobody has said that it may stay."""
    call, first = now.call, now.call.state == CallState.DISPATCHED
    probes = 0 if first else call.probes + 1
    retry_at = clocks.next_probe(clock.now(), probes) if judgement.doubt == aftermath.UNANSWERED else None
    told = {"code": judgement.doubt, "detail": judgement.detail[:500], "probes": probes}
    locks.move(call, CallState.UNKNOWN, **told, **_images(now, outcome), retry_at=retry_at, lease_until=None)
    if first:
        _close_attempt(call, "done", call.code, call.detail, outcome.wire)
        _record(now, CallUnknown(call.pk, call.attempts, call.tool, call.code, wire_of(outcome.wire)))
    reconciling.open_task(call, now.bound, actor=now.actor)


def _images(now: Settling, outcome: Done) -> dict[str, object]:
    """The digests of what the call found, made and can undo, all kept by one statement. Its output is the run's."""
    images = {
        "before_digest": outcome.before,
        "after_digest": outcome.after,
        "undo_digest": recipe_document(_undo(now, outcome)),
    }
    kept = {name: (canonical(image), NOBODY) for name, image in images.items() if image is not None}
    kept["output_digest"] = canonical(outcome.output), now.call.run_id or NOBODY
    digests = dict(zip(kept, payloads.put_held(list(kept.values())), strict=True))
    return {**dict.fromkeys(images, ""), "before_digest": now.call.before_digest, **digests}


def _failed(now: Settling, outcome: Failed) -> None:
    """The target refused, so nothing changed; a model that answered badly is paid for all the same."""
    if outcome.usage is not None:
        _book(now, spending.used(now.call, outcome.usage))
    else:
        metering.release(call_id=now.call.pk)
    state, retry_at = _failed_state(outcome)
    label = _failed_label(now.call, state)
    told = {"code": outcome.code[:80], "detail": outcome.detail[:500], "retry_at": retry_at, "label": label}
    locks.move(now.call, state, **told, **_settled())
    _close_attempt(now.call, "failed", outcome.code, outcome.detail, outcome.wire)
    event = CallFailed(
        now.call.pk,
        now.call.attempts,
        now.call.tool,
        state is not CallState.FAILED_TRANSIENT,
        outcome.code[:80],
        Committed(outcome.detail.encode(), "text/plain"),
        label or None,
        wire_of(outcome.wire),
    )
    _record(now, event)


def _unknown(now: Settling, outcome: Unknown) -> None:
    """A write is probed. A read had no effect. A model call may be asked again: its cost is then estimated."""
    call = now.call
    if call.kind == Kind.WRITE:
        retry_at = clocks.next_probe(clock.now(), 0)
        told = {"code": outcome.code[:80], "detail": outcome.detail[:500]}
        locks.move(call, CallState.UNKNOWN, **told, retry_at=retry_at, lease_until=None)
        _close_attempt(call, "unknown", outcome.code, outcome.detail, outcome.wire)
        event = CallUnknown(call.pk, call.attempts, call.tool, outcome.code[:80], wire_of(outcome.wire))
        _record(now, event)
        return
    again = Failed(False, outcome.code, outcome.detail, usage=outcome.usage, wire=outcome.wire)
    if call.kind == Kind.MODEL and outcome.usage is None:
        _book(now, spending.estimated(call, now.bound))
    _failed(now, again)


def _not_sent(now: Settling, outcome: NotSent) -> None:
    metering.release(call_id=now.call.pk)
    retry_at = clock.now() + timedelta(seconds=clocks.HALT_RETRY_S)
    told = {"code": outcome.code[:80], "detail": outcome.detail[:500], "retry_at": retry_at}
    locks.move(now.call, CallState.NOT_SENT, **told, **_settled())
    _close_attempt(now.call, "not_sent", outcome.code, outcome.detail, outcome.wire)
    _record(now, CallNotSent(now.call.pk, now.call.attempts, now.call.tool, outcome.code[:80]))


def wire_of(exchanges: Sequence[Exchange]) -> list[dict[str, Any]]:
    """The requests as evidence keeps them: digests, status, the vendor's id; never a body or a header."""
    kept = ("method", "url", "status", "request_sha256", "response_sha256", "request_id", "elapsed_ms")
    return [{name: asdict(exchange)[name] for name in kept} for exchange in exchanges]


def _undo(now: Settling, outcome: Done) -> UndoRecipe | None:
    """The exact inverse of what was really written."""
    verbs = now.bound.tool.verbs
    if not isinstance(verbs, WriteVerbs):
        return None
    before = outcome.before or content(now.call.before_digest)
    return verbs.undo(now.bound.action.args, before, outcome.after)


def _failed_state(outcome: Failed) -> tuple[CallState, datetime | None]:
    if outcome.code == "conflict":
        return CallState.CONFLICT, None
    if outcome.permanent:
        return CallState.FAILED_PERMANENT, None
    pause = pause_s(outcome.retry_after_s, jitter=random.random())  # noqa: S311 - spreads load, guards nothing
    return CallState.FAILED_TRANSIENT, clock.now() + timedelta(seconds=pause)


def _done_state(now: Settling, outcome: Done, problem: str) -> tuple[CallState, str, str]:
    """State, code and detail. An undo that does not read back as it should has not undone: others were there."""
    if now.verified is not None and not now.verified.reads_as_written:
        return CallState.CONFLICT, "read_back_differs", now.verified.detail
    if not outcome.output and now.call.state == CallState.UNKNOWN:
        return CallState.SUCCEEDED, BY_PERSON, ""
    return CallState.SUCCEEDED, "output_invalid" if problem else "", problem


def _label(now: Settling) -> str:
    """An undo is only as good as the read that followed it; without one (a person's word) it has no label."""
    if now.verified is None:
        return ""
    good = now.verified.label or Label.OFFSET
    return (good if now.verified.reads_as_written else Label.CONFLICT).value


def _failed_label(call: ToolCall, state: CallState) -> str:
    if call.compensates_id is None or state is CallState.FAILED_TRANSIENT:
        return ""
    return (Label.CONFLICT if state is CallState.CONFLICT else Label.FAILED).value


def _book(now: Settling, usage: Usage) -> Cost:
    return metering.settle_usage(
        call_id=now.call.pk,
        usage=usage,
        run_id=now.call.told_run_id,
        ticket=now.call.ticket,
        workspace_id=now.call.workspace_id,
        workflow=now.call.workflow,
        actor=now.actor,
        attempt=now.call.attempts,
    )


def _settled() -> dict[str, object]:
    return {"settled_at": clock.now(), "lease_until": None}


def _close_attempt(call: ToolCall, outcome: str, code: str, detail: str, wire: Sequence[Exchange]) -> None:
    told = {"outcome": outcome, "code": code[:80], "detail": detail[:500]}
    changes = {**told, "wire": wire_of(wire), "settled_at": clock.now()}
    quick.update(CallAttempt, changes, call_id=call.pk, number=call.attempts)


def _completed(now: Settling, outcome: Done, cost: Cost) -> CallCompleted:
    return CallCompleted(
        call_id=now.call.pk,
        attempt=now.call.attempts,
        tool=now.call.tool,
        cost_micros=cost.micros,
        cost_known=cost.known,
        output=Committed(canonical(outcome.output)),
        code=now.call.code,
        label=now.call.label or None,
        before=_committed(outcome.before),
        after=_committed(outcome.after),
        wire=wire_of(outcome.wire),
    )


def _committed(value: JsonObject | None) -> Committed | None:
    return None if value is None else Committed(canonical(value))


def _record(now: Settling, event: object) -> None:
    record(event, actor=now.actor, workspace_id=now.call.workspace_id, run_id=now.call.told_run_id)


_OUTCOMES: Mapping[type, Callable[[Settling, Any], None]] = MappingProxyType(
    {Done: _done, Failed: _failed, Unknown: _unknown, NotSent: _not_sent}
)
