"""Rules after the action: what policy finds in what a run has done, judged by the stand-ins' ledgers."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from connectors import gateway, notices
from connectors.calls import Answer, CallState
from connectors.gateway import clocks
from connectors.gateway.errors import AnswerUnlawful
from connectors.models import ReconcileTask, ToolCall
from evidence.models import Event
from policies import point
from policies.engine.protocol import PointFailure
from policies.models import DecisionRecord
from policies.types import PackSource
from tenants import payloads
from tests import gateway_ground as ground
from tests.integration.workflows.test_triage_flow import FIELDS, fields_of, finish, waiting
from workflows import services
from workflows.engine import loop
from workflows.models import Run, Step
from workflows.types import RunState

HEAD = "package interlock.packs.extra\n\n"
UPDATE = 'input.resource.tool == "servicenow.incident.update"'
UNDO = ', "obligations": [{"type": "compensate"}]'
TELL = ', "obligations": [{"type": "notify", "channel": "approvals"}]'


def post(effect: str, when: str = UPDATE, more: str = "") -> str:
    body = f'"effect": "{effect}", "code": "too_far", "rule": "extra.post", "message": "That went too far."{more}'
    return f"post_findings contains {{{body}}} if {{\n\t{when}\n}}\n"


@pytest.fixture
def under(floor: Any) -> Callable[[str], None]:
    def publish(rego: str) -> None:
        ground.publish(floor.side, floor.alice, extra=PackSource(HEAD + rego))

    return publish


class Unwell:
    """The real engine, which gives no answer about what has happened while `ill`."""

    def __init__(self) -> None:
        self.inner, self.ill, self.asked = point.current(), True, 0

    def evaluate(self, program: Any, document: dict[str, Any]) -> dict[str, Any]:
        if document.get("phase") == "after":
            self.asked += 1
            if self.ill:
                raise PointFailure("pdp_timeout", "too slow")
        return self.inner.evaluate(program, document)

    def evaluate_many(self, program: Any, documents: Any) -> list[Any]:
        return [self._one(program, document) for document in documents]

    def _one(self, program: Any, document: dict[str, Any]) -> Any:
        try:
            return self.evaluate(program, document)
        except PointFailure as failure:
            return failure

    def layers(self) -> Any:
        return self.inner.layers()


def decisions(run: Any) -> list[DecisionRecord]:
    with transaction.atomic():
        return list(DecisionRecord.objects.filter(run_id=run.pk, phase="after").order_by("id"))


def written(floor: Any) -> Any:
    run, sys_id = waiting(floor, short_description="VPN drops every few minutes")
    before = fields_of(floor, sys_id)
    floor.vote(run)
    return floor.wake(run), sys_id, before


def task_of(run: Any) -> ReconcileTask:
    with transaction.atomic():
        return ReconcileTask.objects.select_related("call").get(run_id=run.pk)


def test_where_no_pack_has_post_rules_nobody_asks(floor: Any) -> None:
    run, _, _ = written(floor)
    assert (run.state, decisions(run)) == (RunState.SUCCEEDED, [])


def test_policy_sees_the_target_before_and_after_and_lets_it_stand(floor: Any, under: Callable[[str], None]) -> None:
    under(post("DENY", f"{UPDATE}\n\tnot input.outcome.after", UNDO))
    run, _, before = written(floor)
    assert run.state == RunState.SUCCEEDED, floor.story(run)
    weighed = decisions(run)
    assert [(row.tool, row.effect) for row in weighed] == [
        ("servicenow.incident.update", "ALLOW"),
        ("slack.message.post", "ALLOW"),
    ]
    with transaction.atomic():
        outcome = payloads.get_json(weighed[0].input_digest)["outcome"]
    assert outcome["told_by"] == "reply"
    assert before["category"] in str(outcome["before"])
    assert outcome["after"] != outcome["before"]


def test_a_write_that_policy_does_not_accept_afterwards_is_taken_back(floor: Any, under: Callable[[str], None]) -> None:
    under(post("DENY", more=UNDO))
    run, sys_id, before = written(floor)
    run = finish(floor, run)
    assert (run.state, run.code) == (RunState.ROLLED_BACK, "ruled_out"), floor.story(run)
    assert {name: floor.record(sys_id)[name] for name in FIELDS} == before
    assert floor.vendors.ledger(vendor="slack", kind="message_posted") == []
    with transaction.atomic():
        told = list(Event.objects.filter(run_id=run.pk).values_list("type", flat=True))
        steps = dict(Step.objects.filter(run=run, writes=True).values_list("key", "state"))
    assert told.count("run.ruled_out") == 1
    assert "run.turned_back" in told
    assert "COMPENSATED" in steps.values()


def test_people_are_told_afterwards_and_the_write_stands(floor: Any, under: Callable[[str], None]) -> None:
    slack = ground.INSTANCES["slack"]
    config = {**slack["config"], "approvals_channel": ground.APPROVALS}
    under(post("ALLOW", more=TELL))
    ground.save_instance("slack", floor.vendors, floor.alice, **{**slack, "config": config})
    run, _, _ = written(floor)
    assert run.state == RunState.SUCCEEDED, floor.story(run)
    assert (notices.catch_up(), notices.catch_up()) == (1, 0)
    told = [row["text"] for row in floor.vendors.ledger(vendor="slack", kind="message_posted")]
    assert told.count("Policy found afterwards ALLOW: servicenow.incident.update") == 1


def test_without_an_answer_the_run_waits_for_a_person_and_nothing_follows(
    floor: Any, under: Callable[[str], None]
) -> None:
    under(post("DENY", f"{UPDATE}\n\tfalse", UNDO))
    unwell = Unwell()
    with point.replaced_by(unwell):
        run, _, _ = written(floor)
        assert (run.state, len(ground.writes(floor.vendors))) == (RunState.WAITING, 1), floor.story(run)
        task = task_of(run)
        assert (task.call.state, task.call.code) == (CallState.UNKNOWN, "post_rules_unanswered")
        assert "pdp_timeout" in task.call.detail
        assert "has landed" in task.guide
        assert floor.vendors.ledger(vendor="slack", kind="message_posted") == []
        assert [row.code for row in decisions(run)] == ["pdp_timeout"]
        for _ in clocks.PROBE_AFTER_S:
            gateway.probe(call_id=task.call_id, actor=ground.worker(floor.side))
        assert task_of(run).call.retry_at is None
        assert unwell.asked == 1 + len(clocks.PROBE_AFTER_S)
        with pytest.raises(AnswerUnlawful):
            gateway.resolve(call_id=task.call_id, actor=floor.dana, answer=Answer.NOT_LANDED)


@pytest.mark.parametrize(
    ("answer", "state"), [(Answer.LANDED, RunState.SUCCEEDED), (Answer.UNDO, RunState.ROLLED_BACK)]
)
def test_a_person_decides_what_policy_does_not(
    floor: Any, under: Callable[[str], None], answer: Answer, state: RunState
) -> None:
    under(post("DENY", f"{UPDATE}\n\tfalse", UNDO))
    with point.replaced_by(Unwell()):
        run, sys_id, before = written(floor)
        gateway.resolve(call_id=task_of(run).call_id, actor=floor.dana, answer=answer, note="looked at it")
    run = finish(floor, run)
    assert run.state == state, floor.story(run)
    assert (fields_of(floor, sys_id) == before) is (state is RunState.ROLLED_BACK)
    assert task_of(run).state == "ANSWERED"


def test_an_answer_that_comes_later_ends_the_doubt(floor: Any, under: Callable[[str], None]) -> None:
    under(post("DENY", f"{UPDATE}\n\tfalse", UNDO))
    unwell = Unwell()
    with point.replaced_by(unwell):
        run, _, _ = written(floor)
        unwell.ill = False
        run = finish(floor, run)
    assert run.state == RunState.SUCCEEDED, floor.story(run)
    assert task_of(run).state == "FOUND"
    assert len(ground.writes(floor.vendors)) == 1
    with transaction.atomic():
        assert ToolCall.objects.get(pk=task_of(run).call_id).after_digest != ""


@pytest.mark.parametrize(
    ("effect", "more"),
    [
        ("DENY", ""),
        ("REQUIRE_HITL", ""),
        ("REQUIRE_STEP_UP", UNDO),
        ("THROTTLE", ', "retry_after_s": 5'),
        ("ROUTE", ', "route": "second"'),
        ("ALLOW", UNDO),
        ("ALLOW", ', "obligations": [{"type": "redact", "path": "work_note"}]'),
        ("ALLOW", TELL),
    ],
)
def test_what_cannot_be_followed_after_the_effect_is_a_persons(
    floor: Any, under: Callable[[str], None], effect: str, more: str
) -> None:
    under(post(effect, more=more))
    run, _, _ = written(floor)
    task = task_of(run)
    assert (run.state, task.call.code) == (RunState.WAITING, "post_rules_need_person"), floor.story(run)
    assert task.call.retry_at is None
    assert floor.vendors.ledger(vendor="slack", kind="message_posted") == []
    services.resolve_unknown(run_id=run.pk, step=task.call.step_id, answer=Answer.LANDED, actor=floor.dana)
    assert finish(floor, run).state == RunState.SUCCEEDED


def test_a_write_whose_reply_was_lost_is_weighed_once_it_is_found(floor: Any, under: Callable[[str], None]) -> None:
    under(post("DENY", more=UNDO))
    run, sys_id = waiting(floor, short_description="VPN drops every few minutes")
    before = fields_of(floor, sys_id)
    floor.vote(run)
    floor.vendors.fault("drop_after", method="PATCH", path="/api/now")
    run = finish(floor, floor.wake(run))
    assert (run.state, run.code) == (RunState.ROLLED_BACK, "ruled_out"), floor.story(run)
    assert fields_of(floor, sys_id) == before
    with transaction.atomic():
        assert payloads.get_json(decisions(run)[0].input_digest)["outcome"]["told_by"] == "probe"


def test_a_worker_that_dies_before_it_hears_of_it_does_not_save_the_write(
    floor: Any, under: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call was settled; the engine never wrote down how. The next worker finds the run stopped."""
    under(post("DENY", more=UNDO))
    run, sys_id, before = _abandoned(floor, monkeypatch)
    assert run.stop == "ruled_out"
    run = finish(floor, floor.wake(run))
    assert run.state == RunState.ROLLED_BACK, floor.story(run)
    assert fields_of(floor, sys_id) == before


def test_a_run_that_is_cancelled_after_its_worker_died_takes_back_what_the_worker_did(
    floor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, sys_id, before = _abandoned(floor, monkeypatch)
    assert fields_of(floor, sys_id) != before
    services.cancel(run_id=run.pk, reason="not needed", actor=floor.dana)
    run = finish(floor, floor.wake(run))
    assert run.state == RunState.ROLLED_BACK, floor.story(run)
    assert fields_of(floor, sys_id) == before


def _abandoned(floor: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run whose worker died when its write had landed and before it could say so."""

    def dies(*_: Any, **__: Any) -> Any:
        raise SystemExit("killed")

    run, sys_id = waiting(floor, short_description="VPN drops every few minutes")
    before = fields_of(floor, sys_id)
    floor.vote(run)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_look", dies)
        with pytest.raises(SystemExit):
            floor.engine.wake(run.pk)
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(lease_until=None)
    return floor.seen(run), sys_id, before


def test_what_was_redacted_in_the_arguments_is_redacted_in_the_images(floor: Any, under: Callable[[str], None]) -> None:
    redact = '{"type": "redact", "path": "text"}'
    say = 'input.resource.tool == "slack.message.post"'
    grant = f'grants contains {{"rule": "extra", "obligations": [{redact}]}} if {say}\n'
    under(grant + post("DENY", f"{say}\n\tfalse"))
    run, _, _ = written(floor)
    assert run.state == RunState.SUCCEEDED, floor.story(run)
    with transaction.atomic():
        document = payloads.get_json(decisions(run)[-1].input_digest)
    assert document["resource"]["args"]["text"] == "[redacted]"
    assert set(_texts(document["outcome"])) == {"[redacted]"}


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for one in value for found in _texts(one)]
    if not isinstance(value, dict):
        return []
    own = [str(value["text"])] if "text" in value else []
    return own + [found for one in value.values() for found in _texts(one)]
