"""Sequences as workflows make them: sub-runs, loops, branches, second attempts, two workflows on one ticket. Nobody
but the ledger of the stand-ins is asked what was told to everybody."""

from typing import Any

import pytest
from django.db import transaction

from connectors.models import ToolCall
from connectors.ports import Delivery
from controlplane.lib.ids import uuid7
from policies.types import PackSource
from tests import gateway_ground as ground
from tests.integration.workflows.flow import HEAD
from workflows import delivered, services
from workflows.engine import sub_runs
from workflows.models import Run, Step
from workflows.types import RunState

ALL = """\
package interlock.packs.all

grants contains {"rule": "all"} if input.action in {"workflow.start", "tool.call"}

grants contains {"rule": "all.team", "carries": ["personal"]} if input.resource.args.channel == "C0ITSM"

undo_grants contains {"rule": "all"}
"""
READ = 'call: servicenow.incident.get, with: {sys_id: "${{ trigger.record }}"}'
TELL = "call: slack.message.post, with: {channel: C0GENERAL, text: %s}"
INPUT = "inputs: {type: object, required: [record], properties: {record: {type: string}}}\n"
"""A ticket is known by `sys_id` and `number` of the trigger; most of these runs are about none."""

LOUD = f"""\
{INPUT}steps:
  - {{id: incident, {READ}}}
  - {{id: tell, {TELL % '"${{ steps.incident.output.short_description }}"'}}}
"""
READS = f"""\
{INPUT}outputs: {{said: "${{{{ steps.incident.output.short_description }}}}"}}
steps:
  - {{id: incident, {READ}}}
"""
POSTS = f"""\
{INPUT}steps:
  - {{id: tell, {TELL % "hello"}}}
"""
ABOVE = f"""\
{INPUT}steps:
  - id: sub
    run: {{workflow: reads, version: 1.0.0}}
    with: {{record: "${{{{ trigger.record }}}}"}}
  - {{id: tell, {TELL % '"${{ steps.sub.output.said }}"'}}}
"""
BELOW = f"""\
{INPUT}steps:
  - {{id: incident, {READ}}}
  - id: sub
    run: {{workflow: posts, version: 1.0.0}}
    needs: [incident]
    with: {{record: "${{{{ steps.incident.output.short_description }}}}"}}
"""
LOOP = f"""\
{INPUT}steps:
  - {{id: incident, {READ}}}
  - id: tell
    foreach: {{items: "${{{{ ['one', 'two', 'three'] }}}}", as: line, max: 5, parallel: 3}}
    needs: [incident]
    {(TELL % '"${{ line }}"').replace(", with", chr(10) + "    with")}
"""
ENDED = {RunState.REJECTED, RunState.FAILED}
TEAM = LOUD.replace("C0GENERAL", "C0ITSM")


class Stage:
    def __init__(self, floor: Any) -> None:
        self.floor, self.side = floor, floor.side
        self.sys_id = floor.vendors.incident(short_description="Abel Tuter is ill")

    def publish(self, **specs: str) -> None:
        for name, spec in specs.items():
            lines = "".join(f"  {line}\n" for line in spec.splitlines())
            source = HEAD.format(name=name, version="1.0.0") + lines
            services.publish_version(workspace_id=self.side.workspace.id, source=source, actor=self.floor.alice)

    def run(self, workflow: str, **trigger: str) -> Run:
        about = {"record": self.sys_id, **trigger}
        return self.drive(self.floor.start(about, key=uuid7().hex, workflow=workflow))

    def drive(self, run: Run) -> Run:
        for _ in range(8):
            with transaction.atomic():
                ids = list(Run.objects.filter(closed_at=None).order_by("-id").values_list("pk", flat=True))
            moved = [self.floor.engine.wake(run_id) for run_id in ids]
            if not sub_runs.catch_up() and not any(moved):
                break
        return self.floor.seen(run)

    def told(self) -> list[dict[str, Any]]:
        return self.floor.vendors.ledger(vendor="slack", origin="api")

    def refused(self) -> set[str]:
        with transaction.atomic():
            return set(ToolCall.objects.filter(tool="slack.message.post").values_list("code", flat=True))


@pytest.fixture
def stage(unruled: Any) -> Stage:
    ground.publish(unruled.side, unruled.alice, all=PackSource(ALL))
    return Stage(unruled)


@pytest.mark.parametrize(
    ("spec", "more"),
    [(LOUD, {}), (ABOVE, {"reads": READS}), (BELOW, {"posts": POSTS}), (LOOP, {})],
    ids=["plain", "a sub-run reads", "a sub-run posts", "a loop posts"],
)
def test_what_the_run_has_read_is_not_told_to_everybody(stage: Stage, spec: str, more: dict[str, str]) -> None:
    stage.publish(**more, told=spec)
    run = stage.run("told")
    assert (run.state in ENDED, stage.told()) == (True, []), stage.floor.story(run)
    assert stage.refused() == {"carries_data"}


def test_nor_by_another_workflow_on_the_same_ticket(stage: Stage) -> None:
    stage.publish(reads=READS, posts=POSTS)
    assert stage.run("reads", number="INC1").state == RunState.SUCCEEDED
    assert stage.run("posts", number="INC1").state in ENDED
    assert stage.told() == []


def test_nor_by_one_that_knows_the_ticket_by_its_id_only(stage: Stage) -> None:
    stage.publish(reads=READS, posts=POSTS)
    assert stage.run("reads", number="INC1", sys_id=stage.sys_id).state == RunState.SUCCEEDED
    assert stage.run("posts", sys_id=stage.sys_id).state in ENDED
    assert stage.told() == []


def test_another_ticket_is_another_story(stage: Stage) -> None:
    stage.publish(reads=READS, posts=POSTS)
    assert stage.run("reads", number="INC1").state == RunState.SUCCEEDED
    assert stage.run("posts", number="INC2").state == RunState.SUCCEEDED
    assert len(stage.told()) == 1


def test_a_second_attempt_knows_what_the_first_one_read(stage: Stage) -> None:
    """The read is kept and not done again, so nothing of the second run itself has read anything."""
    stage.publish(told=LOUD)
    first = stage.run("told")
    again = services.retry_from(run_id=first.pk, step="tell", actor=stage.floor.dana)
    end = stage.drive(again)
    assert (end.state in ENDED, end.origin_run_id, stage.told()) == (True, first.pk, [])
    with transaction.atomic():
        assert Step.objects.get(run=again, key="incident").call_id is None


HEARD = 'trigger: {webhook: {connector: servicenow, event: incident.created, key: "${{ event.sys_id }}"}}\n'
LOUD_EVENT = f"""\
{HEARD}steps:
  - {{id: tell, {TELL % '"${{ trigger.short_description }}"'}}}
"""
ECHO = f"""\
{HEARD}steps:
  - id: write
    call: servicenow.incident.update
    with: {{sys_id: "${{{{ trigger.sys_id }}}}", fields: {{}}, work_note: "${{{{ trigger.short_description }}}}"}}
"""


def _heard(stage: Stage) -> Run:
    """An event of the vendor comes in, with what stands in the record."""
    data = {"sys_id": stage.sys_id, "number": "INC1", "short_description": "Abel Tuter is ill"}
    delivery = Delivery(
        delivery_id=uuid7(),
        endpoint_id=uuid7(),
        workspace_id=stage.side.workspace.id,
        environment_id=stage.side.environment.id,
        connector="servicenow",
        driver="servicenow",
        event="incident.created",
        webhook_id="w",
        body={"data": data},
        sender=stage.floor.sender,
        data_classes=frozenset({"internal", "personal"}),
    )
    with transaction.atomic():
        delivered.by_webhook(delivery)
        return Run.objects.get(workflow_name="told")


def test_what_an_event_says_is_not_told_to_everybody_either(stage: Stage) -> None:
    """Nothing was read: the vendor has sent it along."""
    stage.publish(told=LOUD_EVENT)
    run = stage.drive(_heard(stage))
    assert (run.state in ENDED, stage.told()) == (True, [])
    assert stage.refused() == {"carries_data"}


def test_what_an_event_says_may_go_back_to_its_record(stage: Stage) -> None:
    stage.publish(told=ECHO)
    run = stage.drive(_heard(stage))
    assert run.state == RunState.SUCCEEDED, stage.floor.story(run)


def test_the_team_is_told(stage: Stage) -> None:
    stage.publish(told=TEAM)
    assert stage.run("told").state == RunState.SUCCEEDED
    assert len(stage.told()) == 1
