"""The way back of a run: asked for by a person, paid for and told on the run, and what is left for a hand."""

from typing import Any

from django.db import transaction

from connectors.calls import Answer
from connectors.models import ToolCall
from evidence import access as evidence
from metering.models import UsageRow
from tests import gateway_ground as ground
from tests.integration.workflows.test_triage_flow import fields_of, finish, waiting
from workflows import access, services
from workflows.types import RunState


def _undo_of(run: Any) -> ToolCall:
    with transaction.atomic():
        return ToolCall.objects.get(run_id=run.pk, compensates__isnull=False)


def test_undo_it_takes_a_doubtful_write_back_and_the_run_tells_and_pays_for_it(floor: Any) -> None:
    run, sys_id = waiting(floor)
    before = fields_of(floor, sys_id)
    floor.vendors.fault("drop_after", times=1, method="PATCH", path=sys_id)
    floor.vote(run)
    run = floor.wake(run)
    assert floor.states(run)["write"] == "UNKNOWN", floor.story(run)
    assert fields_of(floor, sys_id) != before
    services.resolve_unknown(run_id=run.pk, step="write", answer=Answer.UNDO, actor=floor.dana)
    run = finish(floor, floor.wake(run))
    assert (run.state, run.code) == (RunState.ROLLED_BACK, "undo_asked"), floor.story(run)
    assert fields_of(floor, sys_id) == before
    assert len(ground.writes(floor.vendors)) == 2, "one write, one undo"
    undo = _undo_of(run)
    assert (undo.lane, undo.label) == ("compensation", "RESTORED")
    with transaction.atomic():
        assert UsageRow.objects.filter(call_id=undo.pk, run_id=run.pk).count() == 1
        told = [event["type"] for event in evidence.run_events(floor.dana, run.pk, limit=200)]
    assert "run.outcome_told" in told
    assert told.count("tool.call.completed") >= 2


def test_a_way_back_that_is_stuck_says_what_to_do_by_hand(floor: Any, client: Any, world: Any) -> None:
    floor.vendors.fault("429", times=1, path="/slack/api/chat.postMessage", args={"retry_after": 1})
    run, sys_id = waiting(floor)
    floor.vote(run)
    run = floor.wake(run)
    floor.vendors.ctl("edit", {"sys_id": sys_id, "changes": {"category": "hardware"}})
    services.cancel(run_id=run.pk, reason="stop", actor=floor.dana)
    run = finish(floor, floor.wake(run))
    assert run.state == RunState.NEEDS_ATTENTION, floor.story(run)
    with transaction.atomic():
        (line,) = access.runbook(floor.dana, access.access_run(floor.dana, run.pk))
    assert (line.step, line.code, line.label) == ("write", "conflict", "CONFLICT")
    assert "changed by others: category" in line.text
    assert floor.record(sys_id)["number"] in line.text
