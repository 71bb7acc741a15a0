"""Verbs: publishing, starting once, redriving; and what they refuse."""

import uuid
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from connectors.ports import Delivery
from controlplane.lib import clock
from evidence.models import Event
from tenants.errors import PermissionMissing
from tests.integration.workflows.double import DONE, at
from workflows import delivered, letters, library, services, sweeping
from workflows.definition.findings import DefinitionRefused
from workflows.errors import (
    ConnectorMissing,
    DeadLetterClosed,
    NotATicket,
    RunNotFound,
    RunNotWaiting,
    StartKeyReused,
    VersionNotNewer,
    VersionTaken,
    WorkflowUnknown,
)
from workflows.models import DeadLetter, Run, WorkflowVersion

SYS_ID = "a" * 32


def publish(floor, source, actor=None):
    return services.publish_version(workspace_id=floor.side.workspace.id, source=source, actor=actor or floor.alice)


def delivery(floor, event="incident.created", **body):
    return Delivery(
        delivery_id=uuid.uuid4(),
        endpoint_id=uuid.uuid4(),
        workspace_id=floor.side.workspace.id,
        environment_id=floor.side.environment.id,
        connector="servicenow",
        driver="servicenow",
        event=event,
        webhook_id="msg_1",
        body={"type": f"servicenow.{event}", "data": {"sys_id": SYS_ID, "number": "INC1", **body}},
        sender=floor.sender,
    )


def runs():
    with transaction.atomic():
        return list(Run.objects.order_by("id"))


def test_the_library_is_clean(unruled):
    for name in library.names():
        source = library.source(name.rpartition("-")[0])
        checked = services.check(workspace_id=unruled.side.workspace.id, source=source, actor=unruled.alice)
        assert f"{checked.name}-{checked.version}" == name


def test_the_same_content_again_is_the_same_version(unruled):
    first = publish(unruled, library.source("itsm-triage"))
    second = publish(unruled, "# another comment\n" + library.source("itsm-triage"))
    assert first.pk == second.pk


def test_other_content_under_a_published_version_is_refused(unruled):
    with pytest.raises(VersionTaken):
        publish(unruled, library.source("itsm-triage").replace("channel: C0ITSM", "channel: C0OTHER"))


def test_an_older_version_is_refused_and_a_newer_one_is_used(unruled):
    newer = publish(unruled, library.source("itsm-triage").replace("version: 1.0.0", "version: 1.10.0"))
    with pytest.raises(VersionNotNewer):
        publish(unruled, library.source("itsm-triage").replace("version: 1.0.0", "version: 1.9.0"))
    assert unruled.start({"sys_id": SYS_ID}).version_id == newer.pk


def test_a_definition_with_findings_is_not_published(unruled):
    with pytest.raises(DefinitionRefused):
        publish(unruled, library.source("itsm-triage").replace("slack.message.post", "slack.message.shout"))
    with transaction.atomic():
        assert WorkflowVersion.objects.count() == 1


def test_publishing_needs_the_right(unruled):
    with pytest.raises(PermissionMissing):
        publish(unruled, library.source("itsm-triage"), actor=unruled.bob)


def test_a_published_version_cannot_be_changed_even_by_sql(unruled):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE workflows_workflowversion SET source = ''")


def test_a_version_pins_the_text_of_its_prompts_and_schemas(unruled):
    with transaction.atomic():
        version = WorkflowVersion.objects.get()
    assert set(version.assets) == {"prompts/triage@1", "schemas/triage_result@1"}


def test_a_run_pins_tools_manifests_and_models(unruled):
    run = unruled.start({"sys_id": SYS_ID, "number": "INC1"})
    assert run.pins["models"] == {"triage": "anthropic/interlock-sandbox-1"}
    assert run.pins["steps"]["triage"]["instance"] == "anthropic"
    assert len(run.pins["steps"]["write"]["manifest_digest"]) == 64
    assert (run.ticket_key, run.ticket_number, run.workflow_version) == (SYS_ID, "INC1", "1.0.0")


def test_a_start_is_idempotent_per_key(unruled):
    first = unruled.start({"sys_id": SYS_ID}, key="k")
    assert unruled.start({"sys_id": SYS_ID}, key="k").pk == first.pk
    with pytest.raises(StartKeyReused):
        unruled.start({"sys_id": "b" * 32}, key="k")
    with transaction.atomic():
        assert Event.objects.filter(type="run.started").count() == 1
        assert Run.objects.filter(ready_at__isnull=False).count() == 1


def test_one_ticket_has_one_open_run(script):
    first = script.start(key="a")
    assert script.start(key="b").pk == first.pk
    assert script.wake(first).state == "SUCCEEDED"
    assert script.start(key="c").pk != first.pk


def test_a_start_needs_the_right_and_a_published_workflow(unruled):
    place = {"environment_id": unruled.side.environment.id, "trigger": {"sys_id": SYS_ID}, "key": "k"}
    with pytest.raises(PermissionMissing):
        services.start_run(workflow="itsm-triage", starter=unruled.bob, **place)
    with pytest.raises(WorkflowUnknown):
        services.start_run(workflow="other", starter=unruled.sender, **place)
    with pytest.raises(NotATicket):
        services.start_run(workflow="itsm-triage", starter=unruled.sender, **place | {"trigger": {}})
    assert runs() == []


def test_a_start_without_its_connector_is_refused(unruled):
    from connectors.models import ConnectorInstance

    with transaction.atomic():
        ConnectorInstance.objects.filter(name="slack").update(enabled=False)
    with pytest.raises(ConnectorMissing, match="slack"):
        unruled.start({"sys_id": SYS_ID})


def test_a_webhook_starts_the_workflows_that_wait_for_it(unruled):
    with transaction.atomic():
        delivered.by_webhook(delivery(unruled))
        delivered.by_webhook(delivery(unruled, event="incident.resolved"))
    (run,) = runs()
    assert (run.workflow_name, run.ticket_id, run.ticket_number) == ("itsm-triage", SYS_ID, "INC1")
    assert run.starter_method == "webhook"


def test_a_second_webhook_about_an_open_ticket_starts_nothing(unruled):
    for _ in range(2):
        with transaction.atomic():
            delivered.by_webhook(delivery(unruled))
    assert len(runs()) == 1


def dead(script):
    script.door.script["one"] = [at("FAILED_TRANSIENT", "busy")]
    run = script.wake(script.start())
    while run.closed_at is None:
        script.floor.due(run)
        run = script.wake(run)
    with transaction.atomic():
        return run, DeadLetter.objects.get(run=run)


def test_a_dead_letter_is_redriven_once_as_a_new_run(script):
    old, letter = dead(script)
    assert (old.state, old.code) == ("FAILED", "retries_exhausted")
    script.door.script["one"] = [DONE]
    run = letters.redrive(dead_letter_id=letter.pk, actor=script.floor.dana)
    assert (run.redrive_of, run.ticket_key) == (old.pk, old.ticket_key)
    assert script.wake(run).state == "SUCCEEDED"
    with pytest.raises(DeadLetterClosed):
        letters.redrive(dead_letter_id=letter.pk, actor=script.floor.dana)


def test_an_open_run_is_not_redriven(script):
    script.door.script["read"] = [RuntimeError("bug")]
    run = script.start()
    for _ in range(5):
        run = script.wake(run)
    with transaction.atomic():
        letter = DeadLetter.objects.get(run=run)
    with pytest.raises(RunNotWaiting):
        letters.redrive(dead_letter_id=letter.pk, actor=script.floor.dana)


def test_only_operators_cancel_and_only_runs_that_are_there(script):
    run = script.start()
    with pytest.raises(PermissionMissing):
        services.cancel(run_id=run.pk, reason="x", actor=script.floor.bob)
    with pytest.raises(RunNotFound):
        services.cancel(run_id=uuid.uuid4(), reason="x", actor=script.floor.dana)
    assert script.floor.seen(run).stop == ""


def test_the_time_that_people_took_is_booked_once(script):
    request_id = uuid.uuid4()
    script.door.script["two"] = [at("WAITING_APPROVAL", request_id=request_id), DONE]
    run = script.wake(script.start())
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(waiting_since=clock.now() - timedelta(seconds=90))
        for _ in range(2):
            services.approval_decided(run_id=run.pk, call_id=uuid.uuid4(), request_id=request_id, state="APPROVED")
    run = script.wake(run)
    assert run.state == "SUCCEEDED"
    assert 90_000 <= run.human_wait_ms < 92_000


def test_the_sweeper_wakes_what_the_queue_has_lost(script):
    run = script.start()
    with transaction.atomic():
        Run.objects.update(ready_at=None)
    assert sweeping.wake_overdue() == 1
    assert sweeping.wake_overdue() == 0
    assert script.floor.seen(run).ready_at is not None
    assert script.wake(run).state == "SUCCEEDED"
    assert sweeping.wake_overdue() == 0


def test_the_sweeper_leaves_a_held_run_to_its_worker(script):
    from workflows import locks

    run = script.start()
    locks.claim(run.pk)
    assert sweeping.wake_overdue() == 0
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(wake_at=clock.now() - timedelta(seconds=1))
    assert sweeping.wake_overdue() == 1
