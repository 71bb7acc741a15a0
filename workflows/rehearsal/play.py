"""The verb: set the stage, ask whether the run may start, play its steps in order, tell the record."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from controlplane.lib import clock, ids
from controlplane.lib.canonical import canonical
from controlplane.lib.events import Committed
from evidence.services import record
from metering.services import run_cost
from policies.services import decide_many
from policies.types import Asked, Effect
from tenants.actors import Actor
from tenants.models import Environment
from tenants.permissions import Perm, require
from workflows import starting
from workflows.engine import admission
from workflows.engine.work import Work
from workflows.events import DryRunMade
from workflows.rehearsal.stage import Stage, rows_of
from workflows.rehearsal.types import Admission, Rehearsal, Scene, document


@dataclass(frozen=True)
class Rehearsed:
    """What was played and is not on record yet."""

    stage: Stage
    start: Admission
    scenes: tuple[Scene, ...]
    order: starting.Order


def dry_run(
    *, workflow: str, environment_id: UUID, trigger: dict[str, Any], actor: Actor, with_model: bool = False
) -> Rehearsal:
    """What the newest version of a workflow would do now for this trigger, started by `actor`.

    Targets are read and the policy is asked for real. Nothing is written, no budget is held when it is over, and
    nobody is asked. Models are asked only `with_model`; without it, steps that need their answer are not played.
    Needs START_RUN; raises WorkflowUnknown, InputsInvalid, NotATicket, ConnectorMissing.
    """
    played = rehearse(
        workflow=workflow, environment_id=environment_id, trigger=trigger, actor=actor, with_model=with_model
    )
    return tell(rehearsed=played, actor=actor)


def rehearse(
    *, workflow: str, environment_id: UUID, trigger: dict[str, Any], actor: Actor, with_model: bool = False
) -> Rehearsed:
    """The long half of `dry_run`: play it."""
    order = starting.Order(
        workflow=workflow,
        environment_id=environment_id,
        trigger=trigger,
        starter=actor,
        key=f"dry-run:{ids.uuid7()}",
        received_at=clock.now(),
    )
    work, start = _opened(order)
    stage = Stage(work, with_model=with_model)
    scenes = stage.play() if start.effect is Effect.ALLOW else []
    return Rehearsed(stage, start, tuple(scenes), order)


@transaction.atomic(durable=True)
def _opened(order: starting.Order) -> tuple[Work, Admission]:
    """The run as it would be started, in memory only, and the policy's word about it."""
    environment = Environment.objects.get(pk=order.environment_id)
    require(order.starter, Perm.START_RUN, environment.workspace_id, environment.pk)
    work = rows_of(order)
    decision = admission.asked([work], decide_many)[0]
    work.run.step_rules = Asked.STEPS in decision.asked
    return work, Admission(decision.effect, tuple(decision.reasons), decision.revision)


@transaction.atomic(durable=True)
def tell(*, rehearsed: Rehearsed, actor: Actor) -> Rehearsal:
    """The short half: put it on record."""
    stage, run = rehearsed.stage, rehearsed.stage.work.run
    found = Rehearsal(
        id=run.pk,
        workflow=run.workflow_name,
        version=run.workflow_version,
        environment=run.environment.slug,
        with_model=stage.with_model,
        start=rehearsed.start,
        scenes=rehearsed.scenes,
        spent_micros=sum(run_cost(run_id).micros for run_id in stage.runs),
    )
    event = _event(stage.work, found, rehearsed.order.trigger)
    record(event, actor=actor, workspace_id=run.workspace_id, run_id=run.pk)
    return found


def _event(work: Work, found: Rehearsal, trigger: dict[str, Any]) -> DryRunMade:
    return DryRunMade(
        dry_run_id=found.id,
        workflow=found.workflow,
        version=found.version,
        definition_digest=work.run.version.digest,
        environment=found.environment,
        trigger=Committed(canonical(trigger)),
        result=Committed(canonical(document(found))),
        verdict=found.verdict.value,
        with_model=found.with_model,
        ticket=work.run.ticket_number or work.run.ticket_id or None,
    )
