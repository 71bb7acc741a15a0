"""Starting runs, by whomever: once per key and one at a time per ticket."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from controlplane.lib import clock, ids
from controlplane.lib.canonical import canonical, digest, sha256_hex
from controlplane.lib.errors import LostRace
from controlplane.lib.events import Committed
from controlplane.lib.logs import get_logger
from evidence.recording import Entry
from evidence.services import record_many
from tenants import opting, payloads, quick
from tenants.actors import Actor
from tenants.models import Environment
from workflows import grounds, pinning, wakeups
from workflows.definition.expressions import ExpressionError, Names, fill
from workflows.definition.model import Definition, OnFailure, StepSpec
from workflows.errors import NotATicket, StartKeyReused, WorkflowUnknown
from workflows.events import RunStarted
from workflows.inputs import check_inputs
from workflows.models import Run, Step, WorkflowVersion
from workflows.pinned import pinned
from workflows.publishing import newest
from workflows.types import OPEN_RUN_STATES

log = get_logger(__name__)

_EVENT = Names(frozenset(), frozenset({"event"}))


@dataclass(frozen=True, slots=True)
class Parent:
    """`within_s`: so long the sub-run may take; 0: as long as its parent."""

    run: Run
    step: str
    within_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be started. `key`: the same key again is the same run. `trigger`: JSON without floats.

    `version`: that one, else the newest. `priority`: lower goes first, else as the definition says. `parent`: the
    run and step that it is a sub-run of. `kept`: steps of an earlier run that are not done again.
    """

    workflow: str
    environment_id: UUID
    trigger: dict[str, Any]
    starter: Actor
    key: str
    received_at: datetime
    redrive_of: UUID | None = None
    version: WorkflowVersion | None = None
    priority: int | None = None
    parent: Parent | None = None
    kept: Mapping[str, Step] = field(default_factory=dict)


def begin(order: Order) -> Run:
    """The run of an order, in the caller's open transaction: made, or found by its key or its open ticket.

    Raises WorkflowUnknown, InputsInvalid, StartKeyReused, NotATicket, and what pinning refuses.
    """
    return begin_many([order])[0]


def begin_many(orders: Sequence[Order]) -> list[Run]:
    """The runs of these orders, in their order, in few statements; each as `begin` does it, all of them or none."""
    if not orders:
        return []
    ground = _Ground()
    drafts = [_sketched(order, ground) for order in orders]
    runs = _made_or_found([draft for draft, _ in drafts])
    new = {id(draft) for draft, _ in drafts} & {id(run) for run in runs}
    _keep_content([(run, order) for run, order in zip(runs, orders, strict=True) if id(run) in new])
    quick.insert([step for draft, steps in drafts if id(draft) in new for step in steps])
    record_many([_told(run, order) for run, order in zip(runs, orders, strict=True) if id(run) in new])
    wakeups.ring()
    return runs


def _keep_content(made: Sequence[tuple[Run, Order]]) -> None:
    """What a new run starts from is its own, also what an earlier run had found out."""
    payloads.put_held([(canonical(order.trigger), run.pk) for run, order in made])
    for run, order in made:
        payloads.share({step.output_digest for step in order.kept.values() if step.output_digest}, run.pk)


def sketch(order: Order) -> tuple[Run, list[Step]]:
    """The rows of an order, not saved: what would be started. Raises WorkflowUnknown, InputsInvalid, NotATicket,
    and what pinning refuses."""
    payloads.put_json(order.trigger)
    return _sketched(order, _Ground())


class _Ground:
    """What several orders of one transaction stand on, each read once."""

    def __init__(self) -> None:
        self.environment = cache(lambda pk: Environment.objects.get(pk=pk))
        self.newest = cache(newest)
        self.keeps_content = cache(opting.keeps_content)
        self._pins: dict[tuple[UUID, UUID], dict[str, Any]] = {}

    def pins(self, definition: Definition, version: WorkflowVersion, workspace_id: UUID) -> dict[str, Any]:
        key = (version.pk, workspace_id)
        if key not in self._pins:
            self._pins[key] = pinning.pins(definition, workspace_id)
        return self._pins[key]


def _sketched(order: Order, ground: _Ground) -> tuple[Run, list[Step]]:
    environment = ground.environment(order.environment_id)
    version = order.version or ground.newest(environment.workspace_id, order.workflow)
    if version is None:
        raise WorkflowUnknown(f"no version of {order.workflow} is published in this workspace")
    version, definition = pinned(version.pk)
    check_inputs(definition, order.trigger)
    run = _draft(order, environment, version, definition)
    run.pins = ground.pins(definition, version, environment.workspace_id)
    run.tape = [] if ground.keeps_content() else None
    return run, steps_of(run, definition, order.kept)


def _draft(order: Order, environment: Environment, version: WorkflowVersion, definition: Definition) -> Run:
    starter, now = order.starter, clock.now()
    return Run(
        id=ids.uuid7(),
        workspace_id=environment.workspace_id,
        environment=environment,
        version=version,
        workflow_name=definition.name,
        workflow_version=definition.version,
        start_key=_start_key(order.key),
        **_ticket(order, definition),
        trigger_digest=digest(order.trigger),
        redrive_of=order.redrive_of,
        origin_run_id=_origin(order),
        starter_kind=starter.kind,
        starter_id=starter.id,
        starter_label=starter.label,
        starter_method=starter.method,
        on_behalf_of=starter.on_behalf_of,
        priority=definition.priority if order.priority is None else order.priority,
        concurrency_key=definition.name if definition.max_running else "",
        max_running=definition.max_running,
        lane=definition.name if definition.max_running else "",
        deadline_at=_deadline(order, definition, now),
        parent_run_id=order.parent.run.pk if order.parent else None,
        parent_step=order.parent.step if order.parent else "",
        received_at=order.received_at,
        wake_at=now,
        ready_at=now,
    )


def _ticket(order: Order, definition: Definition) -> dict[str, str]:
    """What the run is about. A sub-run is about its parent's ticket, and does not hold it a second time."""
    if order.parent is not None:
        above = order.parent.run
        return {"ticket_key": "", "ticket_id": above.ticket_id, "ticket_number": above.ticket_number}
    return {
        "ticket_key": ticket_key(definition, order.trigger),
        "ticket_id": _text(order.trigger, "sys_id"),
        "ticket_number": _text(order.trigger, "number"),
    }


def _origin(order: Order) -> UUID | None:
    """Whoever begins with what another run knew shares its past."""
    if order.parent is not None:
        return order.parent.run.origin_run_id or order.parent.run.pk
    if order.redrive_of is None:
        return None
    before = Run.objects.filter(pk=order.redrive_of).values_list("origin_run_id", flat=True)
    return before.first() or order.redrive_of


def _deadline(order: Order, definition: Definition, now: datetime) -> datetime | None:
    """A sub-run has no more time than its parent, and than the parent's step gives it."""
    parent = order.parent
    limits = (definition.deadline_s, parent.within_s if parent is not None else None)
    times = [now + timedelta(seconds=limit) for limit in limits if limit]
    above = parent.run.deadline_at if parent is not None else None
    return min(times if above is None else [*times, above], default=None)


def _start_key(key: str) -> str:
    return key if len(key) <= 160 else f"sha256:{sha256_hex(key.encode())}"


def ticket_key(definition: Definition, event: Mapping[str, Any]) -> str:
    """What makes two events be about the same ticket; raises NotATicket when the event does not say."""
    if definition.trigger is None:
        return ""
    try:
        key = fill(definition.trigger.key, _EVENT, {"event": dict(event)})
    except ExpressionError as error:
        raise NotATicket(error.detail) from error
    if not isinstance(key, str) or not 0 < len(key) <= 200:
        raise NotATicket("the key of the trigger must be a text of 1 to 200 characters")
    return key


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name, "")
    return value[:64] if isinstance(value, str) else ""


def _made_or_found(drafts: Sequence[Run]) -> list[Run]:
    """For each draft: itself, the run of the same key, or the open run of the same ticket. Keys are taken in one
    order, so that two starts of the same runs cannot deadlock."""
    Run.objects.bulk_create(sorted(drafts, key=lambda draft: draft.start_key), ignore_conflicts=True)
    known = {run.start_key: run for run in Run.objects.filter(start_key__in=[draft.start_key for draft in drafts])}
    return [_found(draft, known.get(draft.start_key)) for draft in drafts]


def _found(draft: Run, by_key: Run | None) -> Run:
    if by_key is None:
        return _of_the_ticket(draft)
    return draft if by_key.pk == draft.pk else _same_order(by_key, draft)


def _of_the_ticket(draft: Run) -> Run:
    same_ticket = Run.objects.filter(
        workspace_id=draft.workspace_id,
        workflow_name=draft.workflow_name,
        ticket_key=draft.ticket_key,
        state__in=OPEN_RUN_STATES,
    )
    found = same_ticket.first()
    if found is None:
        raise LostRace("the run of this ticket has just ended: try again")
    log.info("the ticket has an open run: no second one", extra={"run_id": str(found.pk)})
    return found


def _same_order(known: Run, draft: Run) -> Run:
    if (known.workflow_name, known.trigger_digest) != (draft.workflow_name, draft.trigger_digest):
        raise StartKeyReused(f"the key belongs to run {known.pk}")
    return known


def steps_of(run: Run, definition: Definition, kept: Mapping[str, Step]) -> list[Step]:
    """The rows of the steps of a run that has its pins. `kept`: steps of an earlier run that are not done again."""
    return [_step(run, spec, position, kept.get(spec.id)) for position, spec in enumerate(definition.steps)]


def _step(run: Run, spec: StepSpec, position: int, kept: Step | None) -> Step:
    writes = run.pins["steps"].get(spec.id, {}).get("writes", False)
    step = Step(
        run=run,
        key=spec.id,
        position=position,
        kind=spec.kind,
        tool=spec.tool,
        writes=writes and spec.foreach is None,
        needs=sorted(spec.needs),
        parallel=spec.foreach.parallel if spec.foreach else None,
        continues=spec.on_failure is OnFailure.CONTINUE and not writes,
    )
    if kept is not None:
        step.state, step.output_digest, step.finished_at = kept.state, kept.output_digest, kept.finished_at
    return step


def _told(run: Run, order: Order) -> Entry:
    event = started(run, order.trigger, grounds.document(run, order.kept))
    return Entry(event, order.starter, run.workspace_id, run.pk)


def started(run: Run, trigger: Mapping[str, Any], ground: Mapping[str, Any]) -> RunStarted:
    """What the record is told of the beginning of a run."""
    return RunStarted(
        run_id=run.pk,
        workflow=run.workflow_name,
        version=run.workflow_version,
        definition_digest=run.version.digest,
        environment=run.environment.slug,
        trigger=Committed(canonical(dict(trigger))),
        ticket=run.ticket_number or run.ticket_id or None,
        tools={tool: f"{pin['version']} {pin['manifest_digest']}" for tool, pin in _tools(run)},
        models=run.pins["models"],
        redrive_of=run.redrive_of,
        parent_run_id=run.parent_run_id,
        parent_step=run.parent_step or None,
        ground=Committed(canonical(dict(ground))),
    )


def _tools(run: Run) -> Iterator[tuple[str, dict[str, str]]]:
    return ((pin["tool"], pin) for pin in run.pins["steps"].values() if "tool" in pin)
