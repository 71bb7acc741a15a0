"""The one thing that a look at a run may ask of the outside: a verb of the gateway, made without a transaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from uuid import UUID

from connectors.calls import CallSpec, CallStatus, Lane
from controlplane.lib.errors import DomainError
from tenants.actors import Actor
from workflows.engine import sub_runs
from workflows.engine.answers import Answer, Refusal, SubRunStatus
from workflows.engine.arguments import arguments
from workflows.engine.door import Gateway
from workflows.engine.work import Work
from workflows.models import Step


class Verb(Enum):
    """`PROPOSE` only writes the call down; `START` also carries it as far as it goes."""

    PROPOSE = "propose"
    START = "start"
    ADVANCE = "advance"
    PROBE = "probe"
    COMPENSATE = "compensate"
    RECALL = "recall"


@dataclass(frozen=True, slots=True)
class Outward:
    """A call to make for a step. `starter` proposes it, `engine` carries it out. `call_id` of a recall is the
    sub-run's."""

    verb: Verb
    step: str
    engine: Actor
    starter: Actor
    spec: CallSpec | None = None
    call_id: UUID | None = None


def outward(work: Work, step: Step, verb: Verb) -> Outward:
    """The call for a step; one that is not written down yet is written down first."""
    call_id = step.call_id
    if call_id is None and verb is Verb.ADVANCE:
        verb = Verb.START
    if call_id is None and verb is Verb.PROBE:
        verb = Verb.PROPOSE
    spec = spec_of(work, step) if verb in {Verb.START, Verb.PROPOSE} else None
    return Outward(verb, step.key, work.engine, work.starter, spec, call_id)


def recalling(work: Work, step: Step) -> Outward:
    """Asking the step's sub-run to turn back: a transaction of its own, so that nobody locks two runs."""
    return Outward(Verb.RECALL, step.key, work.engine, work.starter, call_id=step.child_run_id)


def make(call: Outward, gateway: Gateway) -> Answer:
    """Make the call and say where it stands. What the gateway refuses is an answer, not an accident."""
    try:
        return _VERBS[call.verb](call, gateway)
    except DomainError as error:
        passing = error.status >= 500 or error.code == "lost_race"
        return Refusal(error.code, error.detail, passing)


def call_key(work: Work, step: Step) -> str:
    """What names the one call of a step."""
    return f"{work.run.pk}:{step.key}"


def spec_of(work: Work, step: Step) -> CallSpec:
    """The call of a step, with its arguments filled in; raises ExpressionError, PayloadExpired."""
    run, hint = work.run, work.spec(step).approval_hint
    pin = run.pins["steps"][step.parent_key or step.key]
    return CallSpec(
        run_id=run.pk,
        step_id=step.key,
        workspace_id=run.workspace_id,
        environment_id=run.environment_id,
        workflow=run.workflow_name,
        workflow_version=run.workflow_version,
        tool=step.tool,
        tool_version=pin["version"],
        instance=pin["instance"],
        args=arguments(work, step),
        on_behalf_of=run.on_behalf_of,
        starter_id=run.starter_id,
        ticket=run.ticket_number or run.ticket_id or None,
        ticket_id=run.ticket_id,
        origin_run_id=run.origin_run_id,
        lane=Lane.FORWARD,
        approval_floor=hint.tier if hint else "",
        approval_reason=hint.reason if hint else "",
        reason=work.spec(step).reason,
        idempotency_key=call_key(work, step),
    )


def _propose(call: Outward, gateway: Gateway) -> CallStatus:
    if call.spec is None:
        raise ValueError("a call is proposed from its specification")
    return gateway.propose(spec=call.spec, actor=call.starter)


def _start(call: Outward, gateway: Gateway) -> CallStatus:
    """Also a call that was proposed before a worker died: people may have decided about it since, and who asks last
    hears it."""
    proposed = _propose(call, gateway)
    if proposed.is_final:
        return proposed
    return gateway.advance(call_id=proposed.call_id, actor=call.engine)


def _id(call: Outward) -> UUID:
    if call.call_id is None:
        raise ValueError(f"step {call.step} has no call yet")
    return call.call_id


_VERBS: Mapping[Verb, Callable[[Outward, Gateway], CallStatus | SubRunStatus]] = MappingProxyType(
    {
        Verb.PROPOSE: _propose,
        Verb.START: _start,
        Verb.ADVANCE: lambda call, gateway: gateway.advance(call_id=_id(call), actor=call.engine),
        Verb.PROBE: lambda call, gateway: gateway.probe(call_id=_id(call), actor=call.engine),
        Verb.COMPENSATE: lambda call, gateway: gateway.compensate(call_id=_id(call), actor=call.engine),
        Verb.RECALL: lambda call, _: sub_runs.recall(run_id=_id(call), actor=call.engine),
    }
)
