"""examine: what would happen if a call were made. Its target is read for real, the policy is asked for real.

The call itself is a row that is never saved: nothing can dispatch it, no budget is held for it, nobody is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from django.db import transaction

from connectors.calls import CallSpec, CallState, CallStatus
from connectors.gateway import decision, marks, obligations, observation, proposal, tools, waiting
from connectors.gateway.binding import draft_of
from connectors.gateway.decision import Ruling, Unsettled
from connectors.gateway.display import undo_document
from connectors.gateway.marks import NOTHING, Mark
from connectors.gateway.progress import advance
from connectors.models import ToolCall
from connectors.types import JsonObject, Kind, Observation, Preview, WriteVerbs
from policies.types import Effect, Reason
from tenants.actors import Actor


@dataclass(frozen=True, slots=True)
class Examination:
    """What a call would do. `effect` None: it could not be asked, `code` and `detail` say why (the target cannot be
    read, arguments or obligations do not fit).

    `approval`: the terms that people would be asked under, None when nobody would be. `cost_micros` None: no price.
    `sources`: where the data comes from that its answer would bring.
    `undo` as on an approval: `{summary, recipe, cannot}`.
    """

    kind: Kind
    data_classes: tuple[str, ...] = ()
    sources: marks.Sources = field(default_factory=dict)
    effect: Effect | None = None
    reasons: Sequence[Reason] = ()
    obligations: Sequence[JsonObject] = ()
    revision: str = ""
    preview: Preview | None = None
    approval: JsonObject | None = None
    cost_micros: int | None = None
    undo: JsonObject = field(default_factory=dict)
    code: str = ""
    detail: str = ""

    @property
    def goes_ahead(self) -> bool:
        """Allowed as it is: nobody has to be asked."""
        return self.effect is Effect.ALLOW


def examine(*, spec: CallSpec, actor: Actor, planned: Mark = NOTHING) -> Examination:
    """Look at a call without making it; `actor` is who would want it. Reads the target of a write (a governed read
    of the dry run). Raises ArgsInvalid, UnknownTool, InstanceUnusable.
    """
    with transaction.atomic():
        call = proposal.sketch(spec=replace(spec, dry_run=True), actor=actor)
        wanted = _wanted(call)
    if wanted is not None:
        seen = _look(spec, call, wanted, actor)
        if seen.state is not CallState.SUCCEEDED:
            return _unread(call, seen)
        _adopt(call, seen)
    return _judged(call, actor, planned)


def _wanted(call: ToolCall) -> Observation | None:
    draft = draft_of(call)
    verbs = tools.resolve(draft.instance, call.tool, call.tool_version).verbs
    return verbs.observe_spec(draft.args) if isinstance(verbs, WriteVerbs) else None


def _look(spec: CallSpec, call: ToolCall, wanted: Observation, actor: Actor) -> CallStatus:
    reading = observation.spec_of(call, wanted)
    key = f"{spec.idempotency_key}/observe"
    read = proposal.propose(spec=replace(reading, idempotency_key=key, dry_run=True), actor=actor)
    return advance(call_id=read.call_id, actor=actor)


@transaction.atomic
def _adopt(call: ToolCall, seen: CallStatus) -> None:
    read = ToolCall.objects.get(pk=seen.call_id)
    call.before_digest, call.observed_at = read.output_digest, read.settled_at


@transaction.atomic(durable=True)
def _judged(call: ToolCall, actor: Actor, planned: Mark) -> Examination:
    try:
        ruling = decision.settled_ruling(call, actor, planned=planned)
    except Unsettled as unsettled:
        return _unclear(call, unsettled.code, str(unsettled))
    return _of(call, ruling)


def _of(call: ToolCall, ruling: Ruling) -> Examination:
    made = ruling.decision
    return Examination(
        kind=Kind(call.kind),
        data_classes=tuple(call.data_classes),
        sources=marks.brought(ruling.bound.brings, ruling.bound.record, call.tool),
        effect=made.effect,
        reasons=tuple(made.reasons),
        obligations=tuple(made.obligations),
        revision=made.revision,
        preview=ruling.bound.preview,
        approval=_approval(call, ruling),
        cost_micros=ruling.estimate_micros,
        undo=undo_document(ruling.bound.tool.action, ruling.bound.undo),
    )


def _approval(call: ToolCall, ruling: Ruling) -> JsonObject | None:
    """As `waiting.ask` would open it."""
    if ruling.decision.effect not in (Effect.REQUIRE_HITL, Effect.REQUIRE_STEP_UP):
        return None
    terms = obligations.approval_terms(ruling.decision.obligations)
    expires_s = int(terms.get("expires_s", waiting.DEFAULT_EXPIRY_S))
    return {"tier": waiting.tier_of(call, ruling.decision).value, "expires_s": expires_s}


def _unread(call: ToolCall, seen: CallStatus) -> Examination:
    code = f"observation_{seen.code or seen.state.value.lower()}"
    return _unclear(call, code, seen.detail or f"the target could not be read: {seen.state}")


def _unclear(call: ToolCall, code: str, detail: str) -> Examination:
    return Examination(kind=Kind(call.kind), data_classes=tuple(call.data_classes), code=code, detail=detail)
