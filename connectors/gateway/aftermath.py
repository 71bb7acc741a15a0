"""After a write has landed, policy is asked again where it has rules for that: it may want the write taken back, or
people told. It never un-sends. Without an answer that can be followed the write stands in doubt, and a person decides
whether it stays.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connectors import ports
from connectors.calls import Lane
from connectors.gateway import decision, history, obligations, telling
from connectors.gateway.binding import Bound, content
from connectors.models import ToolCall
from connectors.types import Done, JsonObject, Kind, Landed
from policies import services as pdp
from policies.types import Decision, Effect, Phase
from tenants.actors import Actor

UNANSWERED = "post_rules_unanswered"
"""Asked again by itself, and a person may decide before it is answered."""

FOR_A_PERSON = "post_rules_need_person"
DOUBTS = frozenset({UNANSWERED, FOR_A_PERSON})
_OURS = frozenset({"interlock.pep", "interlock.main"})
"""What these deny is not about the write: there was no answer, or none that counts."""


class ToldBy(StrEnum):
    """Who says that the write has landed."""

    REPLY = "reply"
    PROBE = "probe"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of a write that has landed. `doubt`: the code under which it waits, if it does."""

    undo: bool = False
    doubt: str = ""
    detail: str = ""
    decision: Decision | None = None


STANDS = Judgement()


def judge(call: ToolCall, bound: Bound, outcome: Done, *, told_by: ToldBy, actor: Actor) -> Judgement:
    """Inside the transaction that settles the call. Costs nothing where the deciding bundle had no post rules."""
    if not call.asked_after or (call.kind, call.lane) != (Kind.WRITE, Lane.FORWARD):
        return STANDS
    made = pdp.decide_after(
        document=_question(call, bound, outcome, told_by),
        workspace_id=call.workspace_id,
        environment_id=call.environment_id,
        run_id=call.told_run_id,
        call_id=call.pk,
        actor=actor,
    )
    if made is None:
        return STANDS
    told = telling.order(call, made, Phase.AFTER, actor=actor)
    return _judged(made, told=told)


def turn_back(call: ToolCall, made: Decision, actor: Actor) -> None:
    """The run goes back through its saga, this write first, in the transaction that settles it."""
    code = made.reasons[0].code if made.reasons else ""
    ports.ruled_out.get()(ports.RuledOut(call.told_run_id, call.step_id, call.pk, made.id, code, actor))


def known(call: ToolCall) -> Landed | None:
    """How a write landed that is in doubt only because of policy: there is no need to look at the target."""
    if call.code not in DOUBTS:
        return None
    return Landed(content(call.output_digest) or {}, content(call.after_digest))


def _judged(made: Decision, *, told: bool) -> Judgement:
    first = next(iter(made.reasons), None)
    words = f"{first.code}: {first.message}" if first else made.effect.value
    if made.effect is Effect.DENY and first is not None and first.rule in _OURS:
        return Judgement(doubt=UNANSWERED, detail=words, decision=made)
    wants_undo = obligations.wants_undo(made.obligations)
    if wants_undo and made.effect is Effect.DENY:
        return Judgement(undo=True, decision=made)
    if made.effect is not Effect.ALLOW or wants_undo or not _can_follow(made) or not told:
        return Judgement(doubt=FOR_A_PERSON, detail=words, decision=made)
    return Judgement(decision=made)


def _can_follow(made: Decision) -> bool:
    """What is done cannot be changed, capped, sealed or approved any more."""
    return {str(obligation["type"]) for obligation in made.obligations} <= {"notify"}


def _question(call: ToolCall, bound: Bound, outcome: Done, told_by: ToldBy) -> dict[str, Any]:
    past = history.read(call, bound.record).past
    document = decision.question(call, bound, past, call.estimate_micros, decision.approvals_of(call))
    hidden = _redacted(bound.action.args)
    before = outcome.before if outcome.before is not None else content(call.before_digest)
    images: dict[str, Any] = {"before": before, "after": outcome.after, "output": outcome.output}
    shown = {name: _without(image, hidden) for name, image in images.items()}
    return {**document, "phase": Phase.AFTER.value, "outcome": {**shown, "told_by": told_by.value}}


def _redacted(args: JsonObject) -> frozenset[str]:
    """The names of the arguments that policy had redacted."""
    found = {name for name, value in args.items() if value == obligations.REDACTED}
    return frozenset(found.union(*(_redacted(value) for value in args.values() if isinstance(value, dict))))


def _without(image: Any, hidden: Collection[str]) -> Any:
    """The same image; what has the name of something redacted is redacted in it, at any depth."""
    if isinstance(image, dict):
        pairs = image.items()
        return {name: obligations.REDACTED if name in hidden else _without(value, hidden) for name, value in pairs}
    return [_without(value, hidden) for value in image] if isinstance(image, list) else image
