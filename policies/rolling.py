"""Back to an earlier policy: at once and alone where that loosens nothing, else with a second person.

Old content, as it was signed, under a new sequence number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.errors import NotFound
from evidence.services import record
from policies import backtest, candidates, checking, controls, publishing, simulation
from policies.activating import proven
from policies.backtest import Backtest, Selection
from policies.errors import NoActiveBundle, SecondPersonNeeded
from policies.events import DraftProposed, DraftSaved
from policies.impact import Impact
from policies.models import Activation, Draft, Simulation, Standing
from policies.publishing import Ground
from policies.types import DraftState
from policies.voting import needed, well_covered
from tenants import access as places
from tenants.actors import Actor
from tenants.errors import PermissionMissing
from tenants.permissions import Perm, held

LOOK_BACK = timedelta(days=7)
MOST = 5_000
PATIENCE_S = 12.0
"""A rollback is asked for when something burns: the proof may take so long, and counts what it got to."""

_MAY_PROPOSE = frozenset({Perm.AUTHOR_POLICY, Perm.ACTIVATE_POLICY, Perm.OPERATE})
_MAY_GO_BACK = frozenset({Perm.ACTIVATE_POLICY, Perm.OPERATE})


@dataclass(frozen=True, slots=True)
class Way:
    """From what stands to an earlier activation, weighed on recorded decisions (`report`)."""

    environment_id: UUID
    target: Activation
    seq: int
    selection: Selection
    report: Mapping[str, Any]

    @property
    def objections(self) -> list[str]:
        """Why nobody may go this way alone."""
        today = self.report.get("against_standing", {})
        is_so = {
            "it is not the activation before the one that stands": self.target.seq != self.seq - 1,
            "it loosens decisions or changes their terms": any(today.get(n, 0) for n in ("loosened", "obligations")),
            "it gives no answer to some decisions": bool(today.get("failed", 0)),
            "too few recorded decisions tell what it would do": not (self.report.get("same_bundle") or self._told()),
        }
        return [why for why, so in is_so.items() if so]

    def _told(self) -> bool:
        return well_covered(self.report)


def roll_back(*, environment_id: UUID, activation_id: UUID | None = None, reason: str, actor: Actor) -> Activation:
    """Bring an earlier policy back at once; without an id the one before the one that stands.

    Needs ACTIVATE_POLICY or OPERATE. Raises SecondPersonNeeded, with `why`, unless recorded decisions show that it
    loosens nothing: then `propose`.
    """
    way = weigh_alone(environment_id, activation_id, actor)
    return go_back(way=way, reason=reason, actor=actor)


def propose(*, environment_id: UUID, activation_id: UUID | None = None, reason: str, actor: Actor) -> Draft:
    """Ask others to bring an earlier policy back: a draft that is proposed at once, with its simulation."""
    way = weigh_to_propose(environment_id, activation_id, actor)
    return propose_way(way=way, reason=reason, actor=actor)


def weigh_alone(environment_id: UUID, activation_id: UUID | None, actor: Actor) -> Way:
    """The first half of `roll_back`, outside any transaction."""
    return _weigh(environment_id, activation_id, actor, _MAY_GO_BACK)


def weigh_to_propose(environment_id: UUID, activation_id: UUID | None, actor: Actor) -> Way:
    """The first half of `propose`, outside any transaction."""
    return _weigh(environment_id, activation_id, actor, _MAY_PROPOSE)


def _weigh(environment_id: UUID, activation_id: UUID | None, actor: Actor, leave: frozenset[Perm]) -> Way:
    """What going back would change, decided on the newest recorded decisions."""
    with transaction.atomic():
        _require_one_of(environment_id, actor, leave)
        standing, target = _ends(environment_id, activation_id)
        content = bytes(target.bundle.content)
    now = clock.now()
    selection = Selection(environment_id, now - LOOK_BACK, now + timedelta(seconds=1), MOST)
    proven(content)
    if target.bundle_id == standing.activation.bundle_id:
        return Way(environment_id, target, standing.seq, selection, {"same_bundle": True})
    return Way(environment_id, target, standing.seq, selection, _report(target, selection))


@transaction.atomic(durable=True)
def go_back(*, way: Way, reason: str, actor: Actor) -> Activation:
    """The second half of `roll_back`."""
    _require_one_of(way.environment_id, actor, _MAY_GO_BACK)
    if way.objections:
        raise SecondPersonNeeded(f"{'; '.join(way.objections)}: propose it instead", why=way.objections)
    publishing.require_seq(way.environment_id, way.seq)
    _kept(way, actor)
    ground = Ground("restored", way.target.author_id, reason, restores=way.target)
    return publishing.activate(way.environment_id, way.target.bundle, ground, actor=actor)


@transaction.atomic(durable=True)
def propose_way(*, way: Way, reason: str, actor: Actor) -> Draft:
    """The second half of `propose`."""
    _require_one_of(way.environment_id, actor, _MAY_PROPOSE)
    publishing.require_seq(way.environment_id, way.seq)
    draft = _draft(way, reason, actor)
    candidate = candidates.of(draft)
    draft.report = checking.restored(way.target, candidate, draft.base_seq).told()
    draft.digest = candidates.identity(draft, candidate)
    draft.save()
    _tell(draft, actor)
    return draft


def _report(target: Activation, selection: Selection) -> Mapping[str, Any]:
    """What the earlier bundle, byte for byte, says to what was decided since."""
    program = controls.recorded_program(target.bundle.sha256, target.seq)
    if program is None:
        raise NotFound("the earlier bundle is not what was signed")
    state = Backtest(Impact())
    standing = backtest.standing_of(selection.environment_id)
    state.advance(selection, program, seconds=PATIENCE_S, standing=standing)
    return state.impact.report()


def _ends(environment_id: UUID, activation_id: UUID | None) -> tuple[Standing, Activation]:
    standing = Standing.objects.select_related("activation").filter(environment_id=environment_id).first()
    if standing is None:
        raise NoActiveBundle
    rows = Activation.objects.select_related("bundle").filter(environment_id=environment_id)
    wanted = {"pk": activation_id} if activation_id else {"seq": standing.seq - 1}
    target = rows.filter(**wanted).exclude(pk=standing.activation_id).first()
    if target is None:
        raise NotFound("there is no such earlier policy in this environment")
    return standing, target


def _draft(way: Way, reason: str, actor: Actor) -> Draft:
    return Draft.objects.create(
        environment_id=way.environment_id,
        restores=way.target,
        base_seq=way.seq,
        state=DraftState.PROPOSED,
        author_id=actor.id,
        editor_ids=[str(actor.id)],
        checked_at=clock.now(),
        simulation=_kept(way, actor),
        proposal=1,
        proposed_by_id=actor.id,
        proposed_at=clock.now(),
        proposed_reason=reason[:500],
    )


def _kept(way: Way, actor: Actor) -> Simulation:
    """The proof as a simulation that is over, for everybody to read."""
    environment = places.environment(actor, way.environment_id)
    packs = publishing.packs_of(way.target.bundle)
    return simulation.keep_done(environment, packs, way.selection, dict(way.report), actor=actor)


def _tell(draft: Draft, actor: Actor) -> None:
    asked, workspace_id = needed(draft), draft.environment.workspace_id
    saved = DraftSaved(
        draft_id=draft.pk,
        environment_id=draft.environment_id,
        pack="",
        version="",
        revision=draft.revision,
        base_seq=draft.base_seq,
        pack_digest=draft.report["bundle"]["sha256"],
        kind="rollback",
    )
    record(saved, actor=actor, workspace_id=workspace_id)
    event = DraftProposed(draft.pk, draft.proposal, draft.digest, asked.quorum, asked.codes, draft.proposed_reason)
    record(event, actor=actor, workspace_id=workspace_id)


def _require_one_of(environment_id: UUID, actor: Actor, leave: frozenset[Perm]) -> None:
    environment = places.environment(actor, environment_id)
    if not leave & held(actor, environment.workspace_id, environment.pk):
        raise PermissionMissing(
            f"{actor.label} lacks the permission “{Perm.ACTIVATE_POLICY.label}” here",
            permission=Perm.ACTIVATE_POLICY.value,
        )
