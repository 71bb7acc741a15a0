"""A run with steps, calls and events as the engine leaves them, for tests of the pages that show it."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django.db import transaction

from connectors.models import CallProbe, ConnectorInstance, ReconcileTask, ToolCall
from controlplane.lib import clock, ids
from evidence.services import record
from tenants import payloads, scope
from tenants.actors import Actor
from workflows.events import RunNeedsAttention
from workflows.models import DeadLetter, Run, Step, Workflow, WorkflowVersion

BEFORE = {"category": "inquiry", "impact": "3", "number": "INC0010001"}
AFTER = {"category": "network", "impact": "3", "number": "INC0010001"}


def stopped_run(world: SimpleNamespace, **changes: Any) -> Run:
    """A run of tenant A that wrote once, then failed for good and needs a person; with its dead letter."""
    with scope.enter(world.a.tenant.id), transaction.atomic():
        run = _run(world, changes)
        call = _write(world, run)
        _step(run, "incident", 0, "SUCCEEDED")
        _step(run, "write", 1, "SUCCEEDED", writes=True, call_id=call.id)
        _step(run, "announce", 2, "FAILED", code="channel_not_found")
        system = Actor.system(world.a.tenant.id, "engine")
        record(RunNeedsAttention("channel_not_found"), actor=system, workspace_id=world.a.workspace.id, run_id=run.id)
        DeadLetter.objects.create(
            run=run, step_key="announce", connector="slack", tool="t.announce", code="channel_not_found", attempts=5
        )
        return run


def doubted(world: SimpleNamespace, run: Run) -> ReconcileTask:
    """The run's write, as a task: no probe could tell whether it landed."""
    with scope.enter(world.a.tenant.id), transaction.atomic():
        call = ToolCall.objects.get(run_id=run.id)
        ToolCall.objects.filter(pk=call.pk).update(state="UNKNOWN", dispatched_at=clock.now())
        CallProbe.objects.create(
            call=call, attempt=1, number=1, found="cannot_tell", detail="HTTP 503 without a record"
        )
        guide = "Open the incident in ServiceNow and read its work notes."
        return ReconcileTask.objects.create(
            call=call, attempt=1, workspace=world.a.workspace, run_id=run.id, guide=guide
        )


def _run(world: SimpleNamespace, changes: dict[str, Any]) -> Run:
    now = clock.now()
    workflow, _ = Workflow.objects.get_or_create(workspace=world.a.workspace, name="itsm-triage")
    version = WorkflowVersion.objects.filter(workflow=workflow).first() or WorkflowVersion.objects.create(
        workflow=workflow,
        version="1.0.0",
        digest="d" * 64,
        source="kind: Workflow\n",
        document={"metadata": {"name": "itsm-triage", "version": "1.0.0"}, "spec": {"steps": []}},
        published_by=world.a.alice.id,
        published_label="Alice",
    )
    known = {
        "workspace": world.a.workspace,
        "environment": world.a.environment,
        "version": version,
        "workflow_name": "itsm-triage",
        "workflow_version": "1.0.0",
        "state": "NEEDS_ATTENTION",
        "detail": "the channel does not exist",
        "effects": 1,
        "start_key": str(ids.uuid7()),
        "ticket_number": "INC0010001",
        "trigger_digest": "0" * 64,
        "starter_kind": "service",
        "starter_id": world.a.dana.id,
        "starter_label": "ServiceNow",
        "starter_method": "webhook",
        "received_at": now - timedelta(minutes=5),
    }
    return Run.objects.create(**{**known, **changes})


def _step(run: Run, key: str, position: int, state: str, **changes: Any) -> Step:
    began = run.received_at + timedelta(seconds=position)
    times = {"started_at": began, "finished_at": began + timedelta(milliseconds=400)}
    known = {"run": run, "key": key, "position": position, "tool": f"t.{key}", "writes": False, "state": state}
    return Step.objects.create(**{**known, **times, **changes})


def _write(world: SimpleNamespace, run: Run) -> ToolCall:
    instance, _ = ConnectorInstance.objects.get_or_create(
        name="servicenow",
        defaults={
            "driver": "servicenow",
            "manifest_version": "1.0.0",
            "manifest_digest": "a" * 64,
            "base_url": "http://127.0.0.1:8090/servicenow",
        },
    )
    return ToolCall.objects.create(
        workspace=world.a.workspace,
        environment=run.environment,
        instance=instance,
        run_id=run.id,
        step_id="write",
        lane="forward",
        actor_kind="service",
        actor_id=world.a.dana.id,
        actor_label="ServiceNow",
        actor_method="webhook",
        tool="servicenow.incident.update",
        tool_version="1.0.0",
        kind="WRITE",
        risk="medium",
        reversibility="COMPENSABLE",
        schema_hash="b" * 64,
        manifest_digest="a" * 64,
        idempotency_key=str(ids.uuid7()),
        marker="m",
        args_digest=payloads.put_json({"category": "network"}),
        before_digest=payloads.put_json(BEFORE),
        after_digest=payloads.put_json(AFTER),
        undo_digest=payloads.put_json({"summary": "Puts the category back to inquiry"}),
        target="servicenow/incident/INC0010001",
        state="SUCCEEDED",
        attempts=1,
        settled_at=clock.now(),
    )
