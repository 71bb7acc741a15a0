"""The engine over a scripted gateway: what it asks for, in which order, and how a run ends."""

from datetime import timedelta

import pytest
from django.db import transaction

from approvals.types import State
from controlplane.lib import clock
from controlplane.lib.errors import Invalid, LostRace
from controlplane.lib.ids import uuid7
from evidence.models import Event
from policies.types import Decision, Effect, Reason
from tests.integration.workflows.double import DONE, at
from workflows import locks, services
from workflows.engine import Engine
from workflows.errors import NotAttended, RunClosed, RunNotWaiting
from workflows.models import DeadLetter, Run


def events_of(run):
    with transaction.atomic():
        return list(Event.objects.filter(run_id=run.pk).order_by("run_seq").values_list("type", flat=True))


def queued():
    with transaction.atomic():
        return Run.objects.filter(ready_at__isnull=False).count()


def test_one_wake_up_carries_a_run_to_its_end(script):
    run = script.start()
    assert (run.state, queued()) == ("QUEUED", 1)
    run = script.wake(run)
    assert (run.state, run.effects, run.lease_until, run.wake_at) == ("SUCCEEDED", 3, None, None)
    assert [step for verb, step in script.door.made if verb == "advance"] == ["read", "one", "two", "three"]
    assert script.door.specs["three"].args["text"] == "three x"
    assert [s.effect for s in script.floor.steps(run).values()] == [None, 1, 2, 3]
    told = events_of(run)
    assert told[0] == "run.started"
    assert told.count("run.step_settled") == 4
    assert told[-2:] == ["run.closed", "run.sealed"]


def test_the_starter_proposes_and_the_engine_carries_out(script):
    script.wake(script.start())
    assert script.door.actors["one"].id == script.floor.sender.id
    assert script.door.specs["one"].starter_id == script.floor.sender.id


def test_a_step_whose_condition_fails_is_skipped(script):
    run = script.wake(script.start(short="yes"))
    assert run.state == "SUCCEEDED"
    assert script.states(run)["three"] == "SKIPPED"
    assert ("propose", "three") not in script.door.made


def test_a_waiting_run_holds_no_lease_and_no_timer(script):
    script.door.script["two"] = [at("WAITING_APPROVAL"), DONE]
    run = script.wake(script.start())
    assert (run.state, run.waits_for, run.lease_until, run.wake_at) == ("WAITING", "approval", None, None)
    before = list(script.door.made)
    script.wake(run)
    assert script.door.made == before
    with transaction.atomic():
        script.floor.steps(run)["two"]
        run.steps.filter(key="two").update(due_at=clock.now())
    assert script.wake(run).state == "SUCCEEDED"


def test_a_transient_failure_is_retried_after_a_back_off(script):
    script.door.script["two"] = [at("FAILED_TRANSIENT", "busy"), DONE]
    run = script.wake(script.start())
    assert (run.state, run.waits_for) == ("WAITING", "timer")
    assert clock.now() < run.wake_at <= clock.now() + timedelta(seconds=2)
    script.floor.due(run)
    run = script.wake(run)
    assert (run.state, script.floor.steps(run)["two"].attempts) == ("SUCCEEDED", 2)


def test_exhausted_retries_are_dead_lettered_and_what_was_done_is_undone_in_reverse(script):
    script.door.script["three"] = [at("FAILED_TRANSIENT", "busy")]
    run = script.wake(script.start())
    for _ in range(10):
        if run.closed_at:
            break
        script.floor.due(run)
        run = script.wake(run)
    assert (run.state, run.code) == ("ROLLED_BACK", "retries_exhausted")
    assert [step for verb, step in script.door.made if verb == "compensate"] == ["two", "one"]
    with transaction.atomic():
        letter = DeadLetter.objects.get(run=run)
    assert (letter.step_key, letter.code, letter.attempts) == ("three", "busy", 4)
    assert "run.turned_back" in events_of(run)


@pytest.mark.parametrize(
    ("state", "end", "code"),
    [
        ("DENIED", "REJECTED", "policy_denied"),
        ("REJECTED", "REJECTED", "approval_rejected"),
        ("EXPIRED", "REJECTED", "approval_expired"),
        ("FAILED_PERMANENT", "FAILED", "acl"),
        ("CONFLICT", "FAILED", "conflict"),
    ],
)
def test_a_run_without_effects_ends_at_once(script, state, end, code):
    script.door.script["one"] = [at(state, "acl", detail="words")]
    run = script.wake(script.start())
    assert (run.state, run.code, run.detail) == (end, code, "acl: words")
    assert not [verb for verb, _ in script.door.made if verb == "compensate"]


def test_a_denied_step_after_an_effect_leads_through_compensation(script):
    script.door.script["two"] = [at("DENIED")]
    run = script.wake(script.start())
    assert (run.state, run.code) == ("ROLLED_BACK", "policy_denied")
    assert script.states(run)["one"] == "COMPENSATED"


def test_a_foreign_change_needs_a_person_and_stops_the_way_back(script):
    script.door.script["three"] = [at("FAILED_PERMANENT", "gone")]
    script.door.undo["two"] = [at("CONFLICT", "conflict")]
    run = script.wake(script.start())
    assert run.state == "NEEDS_ATTENTION"
    assert script.states(run) | {"read": "", "three": ""} == {
        "read": "",
        "one": "SUCCEEDED",
        "two": "CONFLICT",
        "three": "",
    }
    assert ("compensate", "one") not in script.door.made
    assert not script.floor.engine.wake(run.pk)


def test_a_person_settles_what_needs_attention(script):
    script.door.script["two"] = [at("FAILED_PERMANENT", "gone")]
    script.door.undo["one"] = [at("FAILED_PERMANENT", "gone")]
    run = script.wake(script.start())
    with pytest.raises(Invalid):
        services.settle_by_person(run_id=run.pk, answer="fine", reason="x", actor=script.floor.dana)
    services.settle_by_person(run_id=run.pk, answer="rolled_back", reason="by hand", actor=script.floor.dana)
    run = script.floor.seen(run)
    assert (run.state, run.detail) == ("ROLLED_BACK", "by hand")
    with pytest.raises(NotAttended):
        services.settle_by_person(run_id=run.pk, answer="abandoned", reason="x", actor=script.floor.dana)


def test_a_throttled_undo_goes_on_later(script):
    script.door.script["two"] = [at("FAILED_PERMANENT", "gone")]
    later = clock.now() + timedelta(seconds=30)
    script.door.undo["one"] = [at("THROTTLED", retry_at=later), at("FAILED_TRANSIENT"), DONE]
    run = script.wake(script.start())
    assert (run.state, run.waits_for, run.wake_at) == ("COMPENSATING", "throttle", later)
    for _ in range(2):
        script.floor.due(run)
        run = script.wake(run)
    assert run.state == "ROLLED_BACK"


def test_an_unknown_outcome_is_probed_and_never_sent_again(script):
    soon = clock.now() + timedelta(seconds=2)
    script.door.script["two"] = [at("UNKNOWN", retry_at=soon), at("UNKNOWN", retry_at=soon), DONE]
    run = script.wake(script.start())
    assert (run.state, run.waits_for, script.states(run)["two"]) == ("WAITING", "timer", "UNKNOWN")
    for _ in range(2):
        script.floor.due(run)
        run = script.wake(run)
    assert run.state == "SUCCEEDED"
    assert [verb for verb, step in script.door.made if step == "two"] == ["propose", "advance", "probe", "probe"]


def test_what_no_probe_can_tell_waits_for_a_person(script):
    script.door.script["two"] = [at("UNKNOWN", "needs_person")]
    run = script.wake(script.start())
    assert (run.waits_for, run.wake_at) == ("reconcile", None)


def test_a_probe_that_finds_nothing_leads_to_a_retry(script):
    soon = clock.now() + timedelta(seconds=2)
    script.door.script["two"] = [at("UNKNOWN", retry_at=soon), at("FAILED_TRANSIENT", "not_landed"), DONE]
    run = script.wake(script.start())
    for _ in range(2):
        script.floor.due(run)
        run = script.wake(run)
    assert run.state == "SUCCEEDED"
    assert [verb for verb, step in script.door.made if step == "two"] == ["propose", "advance", "probe", "advance"]


def test_a_cancelled_run_takes_back_what_it_did(script):
    script.door.script["two"] = [at("THROTTLED", retry_at=clock.now() + timedelta(hours=1))]
    run = script.wake(script.start())
    services.cancel(run_id=run.pk, reason="wrong ticket", actor=script.floor.dana)
    run = script.wake(run)
    assert (run.state, run.code) == ("ROLLED_BACK", "cancelled")
    assert [step for verb, step in script.door.made if verb == "compensate"] == ["one"]
    assert script.states(run)["two"] == "FAILED"
    with pytest.raises(RunClosed):
        services.cancel(run_id=run.pk, reason="again", actor=script.floor.dana)


def test_a_run_cancelled_before_its_first_step_does_nothing(script):
    run = script.start()
    services.cancel(run_id=run.pk, reason="early", actor=script.floor.dana)
    assert script.wake(run).state == "CANCELLED"
    assert script.door.made == []


def test_a_cancelled_run_settles_an_open_outcome_first(script):
    soon = clock.now() + timedelta(seconds=2)
    script.door.script["two"] = [at("UNKNOWN", retry_at=soon), DONE]
    run = script.wake(script.start())
    services.cancel(run_id=run.pk, reason="stop", actor=script.floor.dana)
    script.wake(run)
    script.floor.due(run)
    run = script.wake(run)
    assert run.state == "ROLLED_BACK"
    assert [step for verb, step in script.door.made if verb == "compensate"] == ["two", "one"]


def test_a_call_proposed_by_a_worker_that_died_is_taken_up_again(script):
    """The crash came after `propose`: the step runs, its call is not known, and its key finds it again."""
    run = script.start()
    script.door.script["one"] = [RuntimeError("the worker died here")]
    script.wake(run)
    assert script.states(run)["one"] == "RUNNING"
    first = dict(script.door.calls)
    script.door.script["one"] = [DONE]
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(lease_until=None)
    run = script.wake(run)
    assert run.state == "SUCCEEDED"
    assert script.door.calls.items() >= first.items()
    assert len(script.door.calls) == 4


def test_an_engine_fault_is_retried_later_and_told_after_some_times(script):
    run = script.start()
    script.door.script["read"] = [RuntimeError("bug")]
    for _ in range(5):
        run = script.wake(run)
        assert (run.state, run.lease_until) == ("RUNNING", None)
        assert run.wake_at > clock.now()
    with transaction.atomic():
        assert DeadLetter.objects.get(run=run).code == "engine_fault"


def test_a_lost_race_is_looked_at_again_soon(script):
    script.door.script["one"] = [LostRace("someone else"), DONE]
    run = script.wake(script.start())
    assert (run.state, run.waits_for) == ("WAITING", "timer")
    script.floor.due(run)
    assert script.wake(run).state == "SUCCEEDED"


def test_what_the_gateway_refuses_for_good_fails_the_step(script):
    script.door.script["one"] = [Invalid("channel: does not match")]
    run = script.wake(script.start())
    assert (run.state, run.code) == ("FAILED", "invalid")


def test_an_expression_that_fails_on_the_data_fails_the_run_without_a_call(script):
    script.door.script["read"] = [at("SUCCEEDED", output={})]
    run = script.wake(script.start())
    assert (run.state, run.code) == ("ROLLED_BACK", "expression_error")
    assert ("propose", "three") not in script.door.made


def test_an_approval_that_comes_before_the_step_is_written_down_is_not_forgotten(script):
    """The decision falls between the gateway's answer and the engine's note of it."""
    run, request_id = script.start(), uuid7()

    class Quick(type(script.door)):
        def advance(self, *, call_id, actor):
            status = super().advance(call_id=call_id, actor=actor)
            if status.state == "WAITING_APPROVAL":
                with transaction.atomic():
                    services.approval_decided(
                        run_id=run.pk, call_id=call_id, request_id=request_id, state=State.APPROVED
                    )
            return status

    script.door.__class__ = Quick
    script.door.script["two"] = [at("WAITING_APPROVAL", request_id=request_id), DONE]
    assert script.wake(run).state == "SUCCEEDED"


def test_a_nudge_without_a_decision_asks_once_and_parks(script):
    script.door.script["two"] = [at("WAITING_APPROVAL", request_id=uuid7())]
    run = script.wake(script.start())
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(nudged=True)
    lease = locks.claim(run.pk)
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(nudged=True)
    for held, call in script.floor.engine.begin([lease]):
        script.floor.engine.carry(held, call)
    run = script.floor.seen(run)
    assert (run.state, run.waits_for, run.nudged, run.wake_at) == ("WAITING", "approval", False, None)


def test_retry_wakes_what_waits_for_a_later_time(script):
    script.door.script["two"] = [at("THROTTLED", retry_at=clock.now() + timedelta(hours=1)), DONE]
    run = script.wake(script.start())
    services.retry(run_id=run.pk, actor=script.floor.dana)
    assert script.wake(run).state == "SUCCEEDED"
    with pytest.raises(RunNotWaiting):
        services.retry(run_id=run.pk, actor=script.floor.dana)


def test_a_denied_start_does_nothing(script):
    def deny(questions, **_):
        why = [Reason(Effect.DENY, "no_grant", "interlock.main", "Nothing allows this.")]
        return [Decision(uuid7(), Effect.DENY, why, [], [], 0, "rev-1", 1, "0" * 64, clock.now()) for _ in questions]

    script.floor.engine = Engine(script.door, deny)
    run = script.wake(script.start())
    assert (run.state, run.code, run.detail) == ("REJECTED", "policy_denied", "no_grant: Nothing allows this.")
    assert script.door.made == []
