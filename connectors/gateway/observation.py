"""Before a write is decided its target is read, by a governed call of its own: the before image."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType

from django.db import transaction

from connectors import locks
from connectors.calls import CallSpec, CallState, CallStatus, Lane
from connectors.events import CallClosed
from connectors.gateway import clocks, proposal, tools
from connectors.gateway.binding import draft_of
from connectors.models import ToolCall
from connectors.types import Label, Observation, WriteVerbs
from controlplane.lib import clock
from evidence.services import record
from tenants import scope
from tenants.actors import Actor


@transaction.atomic(durable=True)
def reading_for(call: ToolCall) -> ToolCall | None:
    """The read call that shows the target, proposed if it is new; None when there is nothing (left) to read."""
    if call.before_digest:
        return None
    if call.observation is None:
        wanted = _wanted(call)
        if wanted is None:
            return None
        locks.amend(call, observation=proposal.write_down(spec=spec_of(call, wanted), actor=subject(call)))
    return call.observation


@transaction.atomic(durable=True)
def take_over(call: ToolCall, read: CallStatus, *, actor: Actor) -> bool:
    """Adopt the before image, or send the call where the read went; True when the call may be decided."""
    if read.state is CallState.SUCCEEDED:
        seen = locks.get_call(read.call_id)
        locks.amend(call, before_digest=seen.output_digest, observed_at=seen.settled_at)
        return True
    _FOLLOW[read.state](call, read, actor)
    return False


def subject(call: ToolCall) -> Actor:
    """Who wants the call, as recorded when it was proposed."""
    return Actor(
        kind=call.actor_kind,
        id=call.actor_id,
        tenant_id=scope.current(),
        label=call.actor_label,
        method=call.actor_method,
        on_behalf_of=call.on_behalf_of,
    )


def _wanted(call: ToolCall) -> Observation | None:
    draft = draft_of(call)
    verbs = tools.resolve(draft.instance, call.tool, call.tool_version).verbs
    return verbs.observe_spec(draft.args) if isinstance(verbs, WriteVerbs) else None


def spec_of(call: ToolCall, wanted: Observation) -> CallSpec:
    """The read that shows the target of a call."""
    return CallSpec(
        run_id=call.run_id,
        workspace_id=call.workspace_id,
        environment_id=call.environment_id,
        tool=wanted.tool,
        tool_version=tools.pinned_version(call.instance, wanted.tool),
        instance=call.instance.name,
        args=wanted.args,
        idempotency_key=f"{call.idempotency_key}/observe",
        step_id=call.step_id,
        workflow=call.workflow,
        workflow_version=call.workflow_version,
        starter_id=call.starter_id,
        ticket=call.ticket,
        ticket_id=call.ticket_id,
        origin_run_id=call.origin_run_id,
        lane=Lane(call.lane),
    )


def _wait(call: ToolCall, read: CallStatus, actor: Actor) -> None:  # noqa: ARG001 - as in _FOLLOW
    """The read waits (a person, a rate, a halt, another try): so does the write."""
    state = CallState.THROTTLED if read.state in _TRIED_AGAIN else read.state
    soon = clock.now() + timedelta(seconds=clocks.HOLD_RETRY_S)
    retry_at = read.retry_at or (None if state is CallState.WAITING_APPROVAL else soon)
    code = read.code or "observation_pending"
    locks.move(call, state, code=code, detail=read.detail, retry_at=retry_at, lease_until=None)


def _close(call: ToolCall, read: CallStatus, actor: Actor) -> None:
    """The target may not or cannot be read: the write ends where the read ended.

    What an undo would put back and somebody has deleted was changed by others.
    """
    state, label = read.state, ""
    if call.compensates_id is not None:
        gone = read.code in _GONE
        state, label = (CallState.CONFLICT, Label.CONFLICT.value) if gone else (read.state, Label.FAILED.value)
    code = f"observation_{read.code or read.state.value.lower()}"[:80]
    locks.move(call, state, code=code, detail=read.detail, label=label, retry_at=None, lease_until=None)
    event = CallClosed(call.pk, call.tool, state.value, code)
    record(event, actor=actor, workspace_id=call.workspace_id, run_id=call.told_run_id)


def _fail_for_now(call: ToolCall, read: CallStatus, actor: Actor) -> None:  # noqa: ARG001 - as in _FOLLOW
    """The read failed and told so itself: the write's try is used up, so that tries are counted and end."""
    code = f"observation_{read.code}"[:80]
    locks.move(
        call,
        CallState.FAILED_TRANSIENT,
        code=code,
        detail=read.detail,
        retry_at=read.retry_at,
        lease_until=None,
    )


_GONE = frozenset({"not_found", "slack_message_not_found"})
_TRIED_AGAIN = frozenset({CallState.PROPOSED, CallState.NOT_SENT, CallState.DISPATCHED, CallState.UNKNOWN})
_FOLLOW: Mapping[CallState, Callable[[ToolCall, CallStatus, Actor], None]] = MappingProxyType(
    {
        **dict.fromkeys([*_TRIED_AGAIN, CallState.THROTTLED, CallState.HALTED, CallState.WAITING_APPROVAL], _wait),
        CallState.FAILED_TRANSIENT: _fail_for_now,
        **dict.fromkeys(
            [
                CallState.DENIED,
                CallState.REJECTED,
                CallState.EXPIRED,
                CallState.FAILED_PERMANENT,
                CallState.CONFLICT,
            ],
            _close,
        ),
    }
)
