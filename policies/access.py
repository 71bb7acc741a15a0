"""The only fetch for views. What is foreign is missing."""

import json
from collections.abc import Collection
from typing import Any
from uuid import UUID

from controlplane.lib.errors import NotFound
from policies import active as activity
from policies import publishing, searching, voting
from policies.engine.protocol import PointFailure
from policies.models import (
    Activation,
    Bundle,
    DecisionRecord,
    Draft,
    DraftVote,
    PolicyVersion,
    Simulation,
    Standing,
)
from policies.searching import Wanted
from policies.types import DraftState, Effect, PackSource
from tenants import access as places
from tenants import payloads
from tenants.actors import Actor
from tenants.permissions import Perm, require

_MOST = 200


def active(actor: Actor, environment_id: UUID) -> Standing | None:
    """What is active in an environment, with activation and bundle; None when nothing is published there."""
    places.environment(actor, environment_id)
    rows = Standing.objects.select_related("activation__bundle", "environment").defer("activation__bundle__content")
    return rows.filter(environment_id=environment_id).first()


def doubt(standing: Standing) -> str:
    """Why the standing policy is not believed now (a reason code), "" when it is."""
    try:
        activity.believed(standing)
    except PointFailure as failure:
        return failure.code
    return ""


def activations(actor: Actor, environment_id: UUID, limit: int = 50) -> list[Activation]:
    """The history of an environment, newest first."""
    places.environment(actor, environment_id)
    rows = Activation.objects.select_related("bundle").defer("bundle__content").order_by("-seq")
    return list(rows.filter(environment_id=environment_id)[: min(limit, _MOST)])


def activation(actor: Actor, activation_id: UUID) -> Activation:
    """One activation with its bundle, for those who may view its environment."""
    row = Activation.objects.select_related("bundle", "environment").filter(pk=activation_id).first()
    if row is None:
        raise NotFound
    places.environment(actor, row.environment_id)
    return row


def versions(actor: Actor) -> list[PolicyVersion]:
    """Every version of every pack of the tenant, newest first, for those who may view any workspace."""
    require(actor, Perm.VIEW)
    return list(PolicyVersion.objects.select_related("pack").order_by("pack__name", "-number"))


def version(actor: Actor, version_id: UUID) -> PolicyVersion:
    require(actor, Perm.VIEW)
    row = PolicyVersion.objects.select_related("pack").filter(pk=version_id).first()
    if row is None:
        raise NotFound
    return row


def bundle(actor: Actor, bundle_id: UUID) -> Bundle:
    """A signed bundle with its bytes; the text of policy is no secret to those who may view any workspace."""
    require(actor, Perm.VIEW)
    row = Bundle.objects.filter(pk=bundle_id).first()
    if row is None:
        raise NotFound
    return row


def decisions_for_run(actor: Actor, run_id: UUID) -> list[DecisionRecord]:
    """Every decision of a run in order; [] for a run that the actor may not see."""
    mine = places.workspace_ids(actor)
    return list(DecisionRecord.objects.filter(run_id=run_id, workspace_id__in=mine).order_by("id"))


def list_decisions(
    actor: Actor,
    *,
    wanted: Wanted | None = None,
    effect: Effect | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[DecisionRecord]:
    """Newest first; `before` is the id of the last row of the page before. `effect` alone is short for `wanted`."""
    looked_for = wanted or Wanted(effects=(effect,) if effect else ())
    rows = DecisionRecord.objects.filter(workspace_id__in=places.workspace_ids(actor))
    rows = searching.among(rows, looked_for, _environment_ids(actor, looked_for.environments))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-id")[: min(limit, _MOST)])


def _environment_ids(actor: Actor, named: Collection[str]) -> list[UUID]:
    """Ids of the environments of that id or slug which the actor may view."""
    seen = places.environments(actor) if named else []
    return [place.pk for place in seen if {str(place.pk), place.slug} & set(named)]


def decision(actor: Actor, decision_id: UUID) -> DecisionRecord:
    row = DecisionRecord.objects.filter(pk=decision_id, workspace_id__in=places.workspace_ids(actor)).first()
    if row is None:
        raise NotFound
    return row


def input_of(actor: Actor, decision_id: UUID) -> dict[str, Any]:
    """The whole input document, for those who may see content; raises PayloadExpired when it is gone."""
    row = decision(actor, decision_id)
    require(actor, Perm.VIEW_PAYLOADS, row.workspace_id, row.environment_id)
    document: dict[str, Any] = json.loads(payloads.get(row.input_digest))
    return document


def simulation(actor: Actor, simulation_id: UUID) -> Simulation:
    """One simulation, for those who may view its workspace."""
    rows = Simulation.objects.select_related("environment").filter(pk=simulation_id)
    row = rows.filter(environment__workspace_id__in=places.workspace_ids(actor)).first()
    if row is None:
        raise NotFound
    return row


def simulations(actor: Actor, *, before: UUID | None = None, limit: int = 50) -> list[Simulation]:
    """Newest first, without their reports."""
    rows = Simulation.objects.select_related("environment").defer("report")
    rows = rows.filter(environment__workspace_id__in=places.workspace_ids(actor))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[: min(limit, _MOST)])


def drafts(
    actor: Actor,
    *,
    environment_id: UUID | None = None,
    state: DraftState | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[Draft]:
    """Newest first, of the workspaces that the actor sees; of one environment, if it is there for the actor."""
    if environment_id is not None:
        places.environment(actor, environment_id)
    rows = Draft.objects.select_related("environment", "simulation")
    rows = rows.filter(environment__workspace_id__in=places.workspace_ids(actor))
    wanted = {"environment_id": environment_id, "state": state, "pk__lt": before}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    return list(rows.order_by("-pk")[: min(limit, _MOST)])


def draft(actor: Actor, draft_id: UUID) -> Draft:
    """One draft with its environment and simulation, for those who may view its workspace."""
    rows = Draft.objects.select_related("environment", "simulation", "restores__bundle", "activation")
    row = rows.filter(pk=draft_id, environment__workspace_id__in=places.workspace_ids(actor)).first()
    if row is None:
        raise NotFound
    return row


def needed(row: Draft) -> voting.Needed:
    """How many must still approve a draft, and why so many."""
    return voting.needed(row)


def votes(row: Draft) -> list[DraftVote]:
    """What people said about the draft, also about proposals that are past; the first one first."""
    return list(row.votes.order_by("pk"))


def text_before(row: Draft) -> PackSource | None:
    """The active pack that a draft replaces or removes; None when it adds one or brings an earlier policy back."""
    return publishing.standing_packs(row.environment_id)[1].get(row.pack)
