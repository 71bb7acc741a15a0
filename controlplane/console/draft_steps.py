"""What a person can do with a draft now, and in words why they cannot do the rest. The verbs decide again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from policies.models import Draft
from policies.types import DraftState
from tenants.actors import Actor
from tenants.roles import Perm

EDITABLE = frozenset({DraftState.DRAFT, DraftState.CHECKED, DraftState.REFUSED, DraftState.REJECTED})
OPEN = EDITABLE | {DraftState.PROPOSED, DraftState.APPROVED}
VOTING = frozenset({DraftState.PROPOSED})


@dataclass(frozen=True, slots=True)
class Situation:
    """A draft before one person: what they hold there, whether they wrote it, whether they have voted on it."""

    draft: Draft
    held: frozenset[Perm]
    wrote: bool
    voted: bool
    simulating: bool

    @property
    def state(self) -> DraftState:
        return DraftState(self.draft.state)

    @property
    def approves(self) -> bool:
        return bool(self.held & {Perm.APPROVE, Perm.ACTIVATE_POLICY})


def situation(draft: Draft, actor: Actor, held: frozenset[Perm], *, voted: bool) -> Situation:
    wrote = actor.id == draft.author_id or str(actor.id) in draft.editor_ids
    simulated = draft.simulation
    simulating = simulated is not None and simulated.state in ("QUEUED", "RUNNING")
    return Situation(draft, held, wrote, voted, simulating)


def _may_write(at: Situation) -> str:
    return "" if Perm.AUTHOR_POLICY in at.held else "Writing policy needs the permission “Author policy”."


def _edit(at: Situation) -> str:
    if at.state in (DraftState.PROPOSED, DraftState.APPROVED):
        return "Others decide about exactly this text. Take it back to change it: what they said then no longer counts."
    return _may_write(at) if at.state in EDITABLE else f"It is {at.state.lower()}, for good."


def _simulate(at: Situation) -> str:
    if at.simulating:
        return "It is being weighed already."
    return _may_write(at) if at.state == DraftState.CHECKED else "A check without findings comes first."


def _propose(at: Situation) -> str:
    if at.simulating:
        return "It is still being weighed on recorded decisions: people want to see the result."
    return _may_write(at) if at.state == DraftState.CHECKED else "A check without findings comes first."


def _vote(at: Situation) -> str:
    if at.state not in VOTING:
        return "It is not proposed." if at.state in EDITABLE else f"It is {at.state.lower()}."
    if at.wrote:
        return "You wrote or proposed this: somebody else decides about it."
    if at.voted:
        return "You have voted on this proposal."
    return "" if at.approves else "Deciding needs the permission “Approve” or “Activate policy”."


def _activate(at: Situation) -> str:
    if at.state != DraftState.APPROVED:
        return "Others must approve it first." if at.state in OPEN else f"It is {at.state.lower()}."
    return "" if Perm.ACTIVATE_POLICY in at.held else "Activating needs the permission “Activate policy”."


def _reopen(at: Situation) -> str:
    return _may_write(at) if at.state in (DraftState.PROPOSED, DraftState.APPROVED) else "It can be edited as it is."


def _withdraw(at: Situation) -> str:
    return _may_write(at) if at.state in OPEN else f"It is {at.state.lower()}."


_STEPS: Mapping[str, Callable[[Situation], str]] = MappingProxyType(
    {
        "edit": _edit,
        "simulate": _simulate,
        "propose": _propose,
        "vote": _vote,
        "activate": _activate,
        "reopen": _reopen,
        "withdraw": _withdraw,
    }
)


def why_not(at: Situation) -> dict[str, str]:
    """Step → why this person may not take it now; "" where they may."""
    return {step: said(at) for step, said in _STEPS.items()}
