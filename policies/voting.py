"""Who decides about a proposed policy, and how many of them. Whoever wrote or proposed it is never among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.errors import Conflict, Forbidden, Invalid
from evidence.services import record
from policies import locks
from policies.errors import DraftClosed, OwnProposal, ProposalChanged
from policies.events import DraftVoted
from policies.impact import Gap
from policies.models import Draft, DraftVote, Simulation
from policies.types import DraftState, SimulationState
from tenants import access as places
from tenants.actors import Actor
from tenants.errors import PermissionMissing
from tenants.permissions import Perm, held

VOTERS = frozenset({Perm.APPROVE, Perm.ACTIVATE_POLICY})
"""Either of these lets a person vote."""

SHORTEST_RANGE = timedelta(days=1)
LATEST_END = timedelta(hours=1)
FEWEST_MOST = 1_000
"""A simulation that looked at less, or not at the last decisions, may have been cut to what is harmless."""

RULES: Mapping[str, str] = MappingProxyType(
    {
        "second_person": "Somebody who neither wrote nor proposed it says yes.",
        "second_approver_high_risk_loosened": "It loosens decisions of risk high or above, or the terms of some.",
        "second_approver_not_simulated": "It was not weighed on recorded decisions.",
        "second_approver_not_covered": "Too few recorded decisions could be decided again to tell.",
        "second_approver_cut_short": "The simulation looked at too little, or not at the last decisions.",
        "second_approver_unanswered": "On some recorded decisions it gives no answer.",
    }
)
"""Why so many people are needed, by code."""


@dataclass(frozen=True, slots=True)
class Needed:
    """`quorum` others must say yes; `approvals` have, to exactly what is proposed now."""

    quorum: int
    codes: list[str]
    approvals: list[UUID]

    @property
    def missing(self) -> int:
        return max(0, self.quorum - len(self.approvals))

    @property
    def rules(self) -> list[dict[str, str]]:
        return [{"code": code, "why": RULES[code]} for code in self.codes]


def needed(draft: Draft) -> Needed:
    """Who still has to approve and why. Needs an open transaction."""
    stricter = why_two(draft.simulation)
    return Needed(2 if stricter else 1, ["second_person", *stricter], _approvals(draft))


def why_two(simulation: Simulation | None) -> list[str]:
    """The rules that ask for a second approver; none when it is shown that nothing grave is loosened."""
    if simulation is None or simulation.state != SimulationState.DONE:
        return ["second_approver_not_simulated"]
    report = simulation.report
    grave = _count(report, "loosened_high_risk") + _count(report, "terms_high_risk")
    against = report.get("against_standing", {})
    grave += _count(against, "loosened_high_risk") + _count(against, "terms_high_risk")
    broken = {
        "second_approver_high_risk_loosened": grave > 0,
        "second_approver_not_covered": not well_covered(report),
        "second_approver_cut_short": _cut_short(simulation),
        "second_approver_unanswered": _count(report, "failed") > 0,
    }
    return [code for code, is_so in broken.items() if is_so]


def well_covered(report: Mapping[str, Any]) -> bool:
    """Whether enough of what was looked at could be decided again; of nothing, nothing can be told."""
    ours = _count(report.get("not_covered", {}), Gap.NO_POLICY)  # denied before any policy was asked
    looked_at, covered = _count(report, "decisions") - ours, _count(report, "covered")
    return covered > 0 and (looked_at - covered) * 100 <= looked_at * settings.INTERLOCK_POLICY_NOT_COVERED


@transaction.atomic(durable=True)
def vote(*, draft_id: UUID, approve: bool, digest: str, reason: str = "", actor: Actor) -> Draft:
    """Say yes or no to exactly the proposal of this digest. A no closes it; enough of yes approve it.

    Needs APPROVE or ACTIVATE_POLICY, a person, and nobody who wrote or proposed it. Raises OwnProposal,
    ProposalChanged when another text is proposed by now, DraftClosed.
    """
    draft = locks.draft(draft_id)
    _require_voter(draft, actor)
    _require_open(draft, digest)
    if not approve and not reason.strip():
        raise Invalid("say why not", field="reason")
    _cast(draft, approve, reason, actor)
    if not approve:
        draft.state, draft.closed_at = DraftState.REJECTED, clock.now()
    elif needed(draft).missing == 0:
        draft.state = DraftState.APPROVED
    draft.save(update_fields=["state", "closed_at"])
    event = DraftVoted(draft.pk, draft.proposal, draft.digest, approve, draft.state, reason[:500])
    record(event, actor=actor, workspace_id=draft.environment.workspace_id)
    return draft


def _cast(draft: Draft, approve: bool, reason: str, actor: Actor) -> None:
    if draft.votes.filter(proposal=draft.proposal, actor_id=actor.id).exists():
        raise Conflict("you have voted on this proposal already")
    DraftVote.objects.create(
        draft=draft,
        proposal=draft.proposal,
        digest=draft.digest,
        actor_id=actor.id,
        approve=approve,
        reason=reason.strip()[:500],
        cast_at=clock.now(),
    )


def _require_voter(draft: Draft, actor: Actor) -> None:
    places.environment(actor, draft.environment_id)
    if not actor.is_person:
        raise Forbidden("only people approve policy")
    if not VOTERS & held(actor, draft.environment.workspace_id, draft.environment_id):
        raise PermissionMissing(
            f"{actor.label} lacks the permission “{Perm.APPROVE.label}” here", permission=Perm.APPROVE.value
        )
    if actor.id == draft.author_id or str(actor.id) in draft.editor_ids:
        raise OwnProposal("you wrote or proposed this: somebody else decides about it")


def _require_open(draft: Draft, digest: str) -> None:
    if draft.state not in (DraftState.PROPOSED, DraftState.APPROVED):
        raise DraftClosed(f"the draft is {draft.state.lower()}")
    if digest != draft.digest:
        raise ProposalChanged("look at what is proposed now, then decide")


def _approvals(draft: Draft) -> list[UUID]:
    """Whose yes counts: to this proposal, to this digest, and not from anybody who had a hand in it."""
    if not draft.digest:
        return []
    yes = draft.votes.filter(proposal=draft.proposal, digest=draft.digest, approve=True)
    people = yes.order_by("id").values_list("actor_id", flat=True)
    return [person for person in people if person != draft.author_id and str(person) not in draft.editor_ids]


def _cut_short(simulation: Simulation) -> bool:
    few = simulation.done >= simulation.most and simulation.most < FEWEST_MOST
    old = simulation.until < simulation.created_at - LATEST_END
    return few or old or simulation.until - simulation.since < SHORTEST_RANGE


def _count(report: Mapping[str, Any], name: str) -> int:
    return int(report.get(name, 0))
