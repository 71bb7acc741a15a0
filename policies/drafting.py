"""The life of a policy: written, checked, simulated, proposed, approved by somebody else, activated, or taken back.

Nothing here activates by itself: `policies.activating` does, after `policies.voting` has counted.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.canonical import digest
from controlplane.lib.errors import Invalid, LostRace, NotFound
from evidence.services import record
from policies import authoring, candidates, checking, locks, publishing, simulation, versions
from policies.activating import activate
from policies.checking import Checked
from policies.errors import DraftClosed, NotYetChecked
from policies.events import DraftChecked, DraftProposed, DraftSaved, DraftWithdrawn
from policies.golden import MOST_CASES
from policies.models import Draft
from policies.types import DraftState, SimulationState
from policies.voting import needed, vote
from tenants import access as places
from tenants.actors import Actor
from tenants.permissions import Perm, require

__all__ = ["activate", "check", "needed", "propose", "remove_pack", "save", "simulate", "vote", "withdraw"]

LARGEST_TEXT = 200_000
CLOSED = frozenset({DraftState.WITHDRAWN, DraftState.ACTIVE})
CHECKABLE = frozenset({DraftState.DRAFT, DraftState.CHECKED, DraftState.REFUSED, DraftState.REJECTED})


@transaction.atomic(durable=True)
def save(
    *,
    actor: Actor,
    environment_id: UUID | None = None,
    draft_id: UUID | None = None,
    pack: str = "",
    source: str = "",
    data: Mapping[str, Any] | None = None,
    tests: str = "",
    golden: Sequence[Mapping[str, Any]] = (),
    version: str = "",
    revision: int | None = None,
    rebase: bool = False,
) -> Draft:
    """Begin a draft in an environment, or replace the text of one. Needs AUTHOR_POLICY.

    An edit makes it a DRAFT again: what was checked, simulated or voted no longer counts. `revision`: the one that
    was edited, LostRace if somebody saved meanwhile. `rebase`: the author has looked at what is active now.
    """
    texts = {"source": source, "data": dict(data or {}), "tests": tests, "golden": [dict(case) for case in golden]}
    require_fit(texts, version)
    if draft_id is None:
        draft = _begun(environment_id, pack, actor)
    else:
        draft = _edited(draft_id, revision, actor)
        if draft.removes or draft.restores_id:
            raise Invalid("this draft has no text: withdraw it and begin another", field="source")
    for name, value in {**texts, "version": version}.items():
        setattr(draft, name, value)
    if rebase:
        draft.base_seq = publishing.standing_packs(draft.environment_id)[0]
    return _saved(draft, actor)


@transaction.atomic(durable=True)
def remove_pack(*, environment_id: UUID, pack: str, actor: Actor) -> Draft:
    """Begin a draft that takes a pack out of the policy of an environment. Needs AUTHOR_POLICY."""
    draft = _begun(environment_id, pack, actor)
    if pack not in publishing.standing_packs(environment_id)[1]:
        raise Invalid("no such pack is active there", field="pack")
    draft.removes = True
    return _saved(draft, actor)


def check(*, draft_id: UUID, actor: Actor) -> Draft:
    """Say everything there is to say about a draft, and keep it as its `report`. Needs AUTHOR_POLICY.

    Raises LostRace when somebody saved meanwhile, EvaluatorUnavailable, DraftClosed.
    """
    return keep_report(draft_id=draft_id, checked=examine(draft_id=draft_id, actor=actor), actor=actor)


def examine(*, draft_id: UUID, actor: Actor) -> Checked:
    """The first half of `check`: outside any transaction, in an evaluator of its own."""
    with transaction.atomic():
        draft = _mine(draft_id, actor, Perm.AUTHOR_POLICY)
        _require_state(draft, CHECKABLE)
        asked = checking.Asked(draft.revision, draft.base_seq, candidates.of(draft), draft.restores)
    return checking.examine(asked)


@transaction.atomic(durable=True)
def keep_report(*, draft_id: UUID, checked: Checked, actor: Actor) -> Draft:
    """The second half of `check`: kept if the draft is still the one that was examined."""
    draft = locks.draft(draft_id)
    _require_state(draft, CHECKABLE)
    if draft.revision != checked.revision:
        raise LostRace("somebody saved this draft meanwhile: check it again")
    told = checked.report.told()
    draft.state = DraftState.CHECKED if checked.report.clean else DraftState.REFUSED
    draft.report, draft.checked_at, draft.simulation = told, clock.now(), None
    draft.save()
    event = DraftChecked(
        draft_id=draft.pk,
        revision=draft.revision,
        clean=checked.report.clean,
        findings=len(checked.report.findings),
        coverage_percent=int(told["coverage"].get("percent", 0)),
        bump=str(told["contract"].get("bump", "none")),
        bundle_revision=(told["bundle"] or {}).get("revision", ""),
        report_digest=digest(told),
    )
    record(event, actor=actor, workspace_id=draft.environment.workspace_id)
    return draft


@transaction.atomic(durable=True)
def simulate(*, draft_id: UUID, since: datetime, until: datetime, most: int, actor: Actor) -> Draft:
    """Weigh a checked draft on recorded decisions, as a job: its result belongs to what is proposed afterwards."""
    draft = locks.draft(draft_id)
    _require(draft, actor, Perm.AUTHOR_POLICY)
    _require_state(draft, {DraftState.CHECKED})
    whole = candidates.of(draft).packs
    draft.simulation = simulation.begin(draft.environment, whole, since=since, until=until, most=most, actor=actor)
    draft.save()
    return draft


@transaction.atomic(durable=True)
def propose(*, draft_id: UUID, reason: str, actor: Actor, revision: int | None = None) -> Draft:
    """Ask others to approve exactly this. Needs AUTHOR_POLICY, a clean check and no simulation that still runs."""
    draft = locks.draft(draft_id)
    _require(draft, actor, Perm.AUTHOR_POLICY)
    _require_revision(draft, revision)
    _require_ready(draft)
    candidate = candidates.of(draft)
    if candidate.seq != draft.base_seq:
        raise LostRace("another policy was activated meanwhile: look at it, save with rebase, check again")
    draft.state, draft.proposal = DraftState.PROPOSED, draft.proposal + 1
    draft.digest = candidates.identity(draft, candidate)
    draft.proposed_by_id, draft.proposed_at, draft.proposed_reason = actor.id, clock.now(), reason[:500]
    _note_editor(draft, actor)
    draft.save()
    asked = needed(draft)
    event = DraftProposed(draft.pk, draft.proposal, draft.digest, asked.quorum, asked.codes, draft.proposed_reason)
    record(event, actor=actor, workspace_id=draft.environment.workspace_id)
    return draft


@transaction.atomic(durable=True)
def withdraw(*, draft_id: UUID, actor: Actor) -> Draft:
    """Close a draft for good; what was said about it counts no longer. Needs AUTHOR_POLICY."""
    draft = locks.draft(draft_id)
    _require(draft, actor, Perm.AUTHOR_POLICY)
    _require_state(draft, set(DraftState) - CLOSED)
    draft.state, draft.closed_at = DraftState.WITHDRAWN, clock.now()
    draft.save()
    record(DraftWithdrawn(draft.pk, draft.revision), actor=actor, workspace_id=draft.environment.workspace_id)
    return draft


def _begun(environment_id: UUID | None, pack: str, actor: Actor) -> Draft:
    if environment_id is None:
        raise Invalid("name the environment", field="environment")
    environment = places.environment(actor, environment_id)
    require(actor, Perm.AUTHOR_POLICY, environment.workspace_id, environment.pk)
    if not authoring.allowed_name(pack):
        raise Invalid("a pack has small letters, digits and _, and no name of Interlock's own", field="pack")
    seq, _ = publishing.standing_packs(environment_id)
    return Draft(environment=environment, pack=pack, base_seq=seq, author_id=actor.id, revision=0)


def _edited(draft_id: UUID, revision: int | None, actor: Actor) -> Draft:
    draft = locks.draft(draft_id)
    _require(draft, actor, Perm.AUTHOR_POLICY)
    _require_revision(draft, revision)
    _require_state(draft, set(DraftState) - CLOSED)
    return draft


def _saved(draft: Draft, actor: Actor) -> Draft:
    draft.state, draft.revision = DraftState.DRAFT, draft.revision + 1
    draft.report, draft.checked_at, draft.simulation, draft.digest = {}, None, None, ""
    _note_editor(draft, actor)
    draft.save()
    event = DraftSaved(
        draft_id=draft.pk,
        environment_id=draft.environment_id,
        pack=draft.pack,
        version=draft.version,
        revision=draft.revision,
        base_seq=draft.base_seq,
        pack_digest=candidates.pack_of(draft).digest,
        kind=kind_of(draft),
    )
    record(event, actor=actor, workspace_id=draft.environment.workspace_id)
    return draft


def kind_of(draft: Draft) -> str:
    return "rollback" if draft.restores_id else "removal" if draft.removes else "change"


def _note_editor(draft: Draft, actor: Actor) -> None:
    draft.editor_ids = sorted({*draft.editor_ids, str(actor.id)})


def require_fit(texts: Mapping[str, Any], version: str) -> None:
    for name in ("source", "tests"):
        if len(texts[name]) > LARGEST_TEXT or "\0" in texts[name]:
            raise Invalid(f"up to {LARGEST_TEXT} characters, none of them NUL", field=name)
    if len(texts["golden"]) > MOST_CASES:
        raise Invalid(f"up to {MOST_CASES} cases", field="golden")
    for name in ("data", "golden"):
        _require_whole(name, texts[name])
    if versions.parse(version) is None:
        raise Invalid("a version is three numbers, such as 1.0.0", field="version")


def _require_whole(name: str, value: Any) -> None:
    try:
        digest(value)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"numbers are whole and texts are Unicode: {error}", field=name) from error


def _require_ready(draft: Draft) -> None:
    if draft.state != DraftState.CHECKED or draft.report.get("bundle") is None:
        raise NotYetChecked("check the draft first; only one without findings is proposed")
    if draft.simulation is not None and draft.simulation.state in (SimulationState.QUEUED, SimulationState.RUNNING):
        raise DraftClosed("its simulation is still running: wait for it, people want to see it")


def _mine(draft_id: UUID, actor: Actor, perm: Perm) -> Draft:
    draft = Draft.objects.select_related("environment", "restores__bundle").filter(pk=draft_id).first()
    if draft is None:
        raise NotFound
    _require(draft, actor, perm)
    return draft


def _require(draft: Draft, actor: Actor, perm: Perm) -> None:
    places.environment(actor, draft.environment_id)
    require(actor, perm, draft.environment.workspace_id, draft.environment_id)


def _require_revision(draft: Draft, revision: int | None) -> None:
    if revision is not None and revision != draft.revision:
        raise LostRace(f"somebody saved this draft meanwhile: it is at {draft.revision} now")


def _require_state(draft: Draft, allowed: "frozenset[DraftState] | set[DraftState]") -> None:
    if draft.state not in allowed:
        raise DraftClosed(f"the draft is {draft.state.lower()}")
