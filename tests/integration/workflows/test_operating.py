"""Pausing, resuming, a second attempt, priorities: what the verbs do and what they refuse."""

from datetime import timedelta

import pytest
from django.db import transaction

from controlplane.lib import clock
from tenants import halts
from tenants.errors import PermissionMissing
from tenants.halt_scopes import Scope
from tenants.models import Halt
from tests.integration.workflows.double import DONE, at
from tests.integration.workflows.flow import POST
from workflows import halting, services
from workflows.definition.model import Priority
from workflows.errors import (
    AlreadyRetried,
    EffectStands,
    RunClosed,
    RunNotFound,
    RunNotPaused,
    RunOpen,
    RunTurnsBack,
    StepUnknown,
    SubRunOfAnother,
)
from workflows.models import Run, Step

NAP = "steps: [{id: nap, wait: {until: '2099-01-01T00:00:00Z'}}]"
TWO = f"""\
steps:
  - {{id: read, call: servicenow.incident.get, with: {{sys_id: {"a" * 32}}}}}
  - {{id: one, {POST % '"${{ dyn(steps.read.output).value }}"'}}}
  - {{id: two, {POST % "two"}, needs: [one]}}
"""


def due(run, key):
    with transaction.atomic():
        Step.objects.filter(run=run, key=key).update(due_at=clock.now())


def pause(flow, run):
    services.pause(run_id=run.pk, reason="look at it", actor=flow.floor.dana)


def test_a_paused_run_starts_nothing_and_goes_on_when_it_may(flow):
    flow.publish(TWO)
    run = flow.start()
    pause(flow, run)
    run = flow.drive(run)
    assert (run.state, run.waits_for, run.wake_at, flow.door.made) == ("WAITING", "pause", None, [])
    services.resume(run_id=run.pk, actor=flow.floor.dana)
    run = flow.drive(run)
    assert (run.state, run.paused_at) == ("SUCCEEDED", None)
    assert [name for name in flow.events(run) if name in {"run.paused", "run.resumed"}] == ["run.paused", "run.resumed"]


def test_the_call_that_is_under_way_is_settled_and_the_next_one_not_begun(flow):
    flow.publish(TWO)
    run = flow.start()

    class Pausing(type(flow.door)):
        def advance(self, *, call_id, actor):
            if self.step_of[call_id] == "one":
                pause(flow, run)
            return super().advance(call_id=call_id, actor=actor)

    flow.door.__class__ = Pausing
    run = flow.drive(run)
    assert (run.waits_for, flow.states(run)["one"], flow.states(run)["two"]) == ("pause", "SUCCEEDED", "PENDING")
    assert ("propose", "two") not in flow.door.made


def test_what_is_decided_during_a_pause_is_carried_out_after_it(flow):
    flow.door.script["one"] = [at("WAITING_APPROVAL"), DONE]
    run = flow.run(TWO)
    pause(flow, run)
    due(run, "one")
    assert flow.drive(run).waits_for == "pause"
    assert flow.made("advance") == ["read", "one"]
    services.resume(run_id=run.pk, actor=flow.floor.dana)
    assert flow.drive(run).state == "SUCCEEDED"


def test_an_unknown_outcome_is_probed_during_a_pause(flow):
    flow.door.script["one"] = [at("UNKNOWN", retry_at=clock.now()), DONE]
    run = flow.run(TWO.replace("two}", "two}"))
    assert run.state == "SUCCEEDED"
    flow.door.script["one"] = [at("UNKNOWN", retry_at=clock.now()), DONE]
    other = flow.start(key="k2")

    class Pausing(type(flow.door)):
        def advance(self, *, call_id, actor):
            if self.step_of[call_id] == "one":
                pause(flow, other)
            return super().advance(call_id=call_id, actor=actor)

    flow.door.__class__ = Pausing
    other = flow.drive(other)
    assert (other.waits_for, flow.states(other)["one"]) == ("pause", "SUCCEEDED")


def test_a_paused_run_can_be_cancelled_and_takes_back_what_it_did(flow):
    flow.door.script["two"] = [at("WAITING_APPROVAL")]
    run = flow.run(TWO)
    pause(flow, run)
    services.cancel(run_id=run.pk, reason="no", actor=flow.floor.dana)
    assert flow.drive(run).state == "ROLLED_BACK"


def test_a_paused_run_keeps_its_deadline(flow):
    flow.door.script["two"] = [at("WAITING_APPROVAL")]
    run = flow.run("deadline: 1h\n" + TWO)
    pause(flow, run)
    assert flow.drive(run).wake_at == run.deadline_at
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(deadline_at=clock.now())
    assert flow.drive(run).code == "deadline_passed"


def test_a_pause_reaches_the_sub_runs_and_so_does_its_end(family):
    family.door.script["post2"] = [at("WAITING_APPROVAL"), DONE]
    run = family.drive(family.start())
    pause(family, run)
    (child,) = family.children(run)
    due(child, "post2")
    run = family.drive(run)
    assert (run.waits_for, family.floor.seen(child).waits_for) == ("pause", "pause")
    services.resume(run_id=run.pk, actor=family.floor.dana)
    assert family.drive(run).state == "SUCCEEDED"


def test_pauses_that_make_no_sense_are_refused(flow, actor_of, world):
    flow.door.script["two"] = [at("FAILED_PERMANENT", "gone")]
    flow.door.undo["one"] = [at("WAITING_APPROVAL")]
    run = flow.run(TWO)
    assert run.state == "COMPENSATING"
    with pytest.raises(RunTurnsBack):
        pause(flow, run)
    with pytest.raises(RunNotPaused):
        services.resume(run_id=run.pk, actor=flow.floor.dana)
    with pytest.raises(PermissionMissing):
        services.pause(run_id=run.pk, reason="x", actor=flow.floor.bob)
    flow.door.undo["one"] = [DONE]
    due(run, "one")
    flow.drive(run)
    with pytest.raises(RunClosed):
        pause(flow, run)


def test_a_second_attempt_keeps_what_had_no_effect_and_does_the_rest_anew(flow):
    flow.door.script["two"] = [at("FAILED_PERMANENT", "gone"), DONE]
    old = flow.run(TWO, n=1)
    assert old.state == "ROLLED_BACK"
    run = services.retry_from(run_id=old.pk, step="two", actor=flow.floor.dana)
    assert (run.redrive_of, run.version_id, run.trigger_digest) == (old.pk, old.version_id, old.trigger_digest)
    assert flow.states(run) == {"read": "SUCCEEDED", "one": "PENDING", "two": "PENDING"}
    before = dict(flow.door.calls)
    run = flow.drive(run)
    assert run.state == "SUCCEEDED"
    assert flow.made("propose") == ["read", "one", "two", "one", "two"]
    assert set(flow.door.calls) - set(before) == {f"{run.pk}:one", f"{run.pk}:two"}
    assert flow.door.specs["one"].args["text"] == "x"
    assert "run.retried" in flow.events(run)


def test_a_second_attempt_may_begin_earlier(flow):
    flow.door.script["two"] = [at("FAILED_PERMANENT", "gone"), DONE]
    old = flow.run(TWO)
    run = services.retry_from(run_id=old.pk, step="read", actor=flow.floor.dana)
    assert set(flow.states(run).values()) == {"PENDING"}


def test_there_is_one_second_attempt_per_run(flow):
    flow.door.script["two"] = [at("FAILED_PERMANENT", "gone")]
    old = flow.run(TWO)
    run = services.retry_from(run_id=old.pk, step="two", actor=flow.floor.dana)
    with pytest.raises(AlreadyRetried):
        services.retry_from(run_id=old.pk, step="one", actor=flow.floor.dana)
    flow.drive(run)
    assert services.retry_from(run_id=run.pk, step="two", actor=flow.floor.dana).redrive_of == run.pk


def test_nothing_is_done_a_second_time_while_its_effect_stands(flow):
    run = flow.run(TWO)
    assert run.state == "SUCCEEDED"
    with pytest.raises(EffectStands, match="one, two"):
        services.retry_from(run_id=run.pk, step="two", actor=flow.floor.dana)
    flow.door.script["two"] = [at("FAILED_PERMANENT", "gone")]
    flow.door.undo["one"] = [at("CONFLICT", "conflict")]
    stuck = flow.drive(flow.start(key="k2"))
    with pytest.raises(RunOpen):
        services.retry_from(run_id=stuck.pk, step="two", actor=flow.floor.dana)
    services.settle_by_person(run_id=stuck.pk, answer="abandoned", reason="x", actor=flow.floor.dana)
    with pytest.raises(EffectStands):
        services.retry_from(run_id=stuck.pk, step="two", actor=flow.floor.dana)


def test_a_call_that_a_person_gave_up_may_have_landed(flow):
    flow.door.script["one"] = [at("FAILED_PERMANENT", "abandoned_by_person")]
    run = flow.run(TWO)
    assert run.state == "FAILED"
    with pytest.raises(EffectStands):
        services.retry_from(run_id=run.pk, step="one", actor=flow.floor.dana)


def test_a_second_attempt_at_nothing_is_refused(flow, family):
    family.door.script["post2"] = [at("DENIED")]
    run = family.drive(family.start())
    with pytest.raises(StepUnknown):
        services.retry_from(run_id=run.pk, step="nope", actor=flow.floor.dana)
    with pytest.raises(SubRunOfAnother):
        services.retry_from(run_id=family.children(run)[0].pk, step="post1", actor=flow.floor.dana)
    with pytest.raises(PermissionMissing):
        services.retry_from(run_id=run.pk, step="first", actor=flow.floor.bob)
    with pytest.raises(RunNotFound):
        services.retry_from(run_id=flow.floor.side.tenant.id, step="first", actor=flow.floor.dana)


def test_a_done_sub_run_is_cancelled_through_its_parent(family):
    family.door.script["last"] = [at("WAITING_APPROVAL")]
    run = family.drive(family.start())
    (child,) = family.children(run)
    with pytest.raises(SubRunOfAnother):
        services.cancel(run_id=child.pk, reason="x", actor=family.floor.dana)


def _held(flow, engaged_ago: timedelta, released_ago: timedelta | None, wanted: Scope) -> None:
    halt = halts.engage(scope=wanted, mode=Halt.Mode.FREEZE, reason="look", actor=flow.floor.alice)
    released = None if released_ago is None else clock.now() - released_ago
    with transaction.atomic():
        Halt.objects.filter(pk=halt.pk).update(engaged_at=clock.now() - engaged_ago, released_at=released)


MINUTES = {n: timedelta(minutes=n) for n in (5, 10, 20, 30, 60)}


@pytest.mark.parametrize(
    ("released_ago", "wanted", "code"),
    [
        (None, Scope(halts.Kind.TENANT), ""),
        (MINUTES[5], Scope(halts.Kind.TENANT), ""),
        (MINUTES[5], Scope(halts.Kind.ENVIRONMENT, "prod"), ""),
        (MINUTES[5], Scope(halts.Kind.WORKFLOW, "some-other"), "deadline_passed"),
        (MINUTES[20], Scope(halts.Kind.TENANT), "deadline_passed"),
    ],
)
def test_the_time_that_a_halt_holds_is_not_taken_from_the_deadline(flow, released_ago, wanted, code):
    """Started an hour ago, late by ten minutes; the halt came half an hour ago."""
    run = flow.run("deadline: 50m\n" + NAP)
    _held(flow, MINUTES[30], released_ago, wanted)
    with transaction.atomic():
        received, late = clock.now() - MINUTES[60], clock.now() - MINUTES[10] - timedelta(seconds=20)
        Run.objects.filter(pk=run.pk).update(received_at=received, deadline_at=late, tape=None)
    run = flow.drive(run)
    assert run.code == code
    if not code:
        least = 4 if released_ago is None else 14 * 60
        assert clock.now() + timedelta(seconds=least - 5) <= run.wake_at <= clock.now() + MINUTES[20]


def test_a_halt_that_covers_a_done_sub_run_stops_the_run_that_builds_on_it(family):
    family.door.script["last"] = [at("WAITING_APPROVAL")]
    run = family.drive(family.start())
    wanted = Scope("workflow", "child")
    halts.engage(scope=wanted, mode=Halt.Mode.STOP_AND_UNDO, reason="x", actor=family.floor.alice)
    halting.stop_covered_runs()
    run = family.drive(run)
    assert (run.state, run.code, family.children(run)[0].state) == ("ROLLED_BACK", "halted", "ROLLED_BACK")


def test_a_retry_now_does_not_cut_a_timer_short(flow):
    run = flow.run("steps: [{id: nap, wait: {for: 1h}}]")
    with pytest.raises(services.RunNotWaiting):
        services.retry(run_id=run.pk, actor=flow.floor.dana)


def test_a_priority_is_the_workflow_s_or_the_starter_s_and_goes_down_to_sub_runs(family):
    family.publish("priority: low\nsteps: [{id: a, compute: {x: 1}}]", name="slow")
    assert family.start("slow", key="a").priority == Priority.LOW
    floor = family.floor
    run = services.start_run(
        workflow="flow",
        environment_id=floor.side.environment.id,
        trigger={},
        starter=floor.dana,
        key="b",
        priority=Priority.HIGH,
    )
    family.drive(run)
    assert (run.priority, family.children(run)[0].priority) == (Priority.HIGH, Priority.HIGH)
