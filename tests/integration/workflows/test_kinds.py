"""Steps of every kind over a scripted gateway: computations, timers, loops, sub-runs, steps that may fail."""

from datetime import timedelta

import pytest
from django.db import transaction

from controlplane.lib import clock
from tests.integration.workflows.double import DONE, at
from tests.integration.workflows.flow import CHILD, PARENT, POST
from workflows import services
from workflows.definition.findings import DefinitionRefused
from workflows.engine import sub_runs
from workflows.errors import InputsInvalid, WorkflowUnknown
from workflows.models import Run, Step

COMPUTE = """\
constants: {unit: tickets}
outputs: {text: "${{ steps.b.output.text }}", n: "${{ steps.a.output.n }}"}
steps:
  - {id: a, compute: {n: "${{ trigger.n }}"}}
  - {id: b, compute: {text: "${{ steps.a.output.n }} ${{ constants.unit }}"}}
  - {id: c, compute: {x: 1}, needs: [b], when: "steps.a.output.n > 5"}
"""


def test_computations_are_done_in_one_look_and_the_outputs_are_kept(flow):
    flow.publish(COMPUTE)
    run = flow.start(n=3)
    flow.floor.engine.wake(run.pk)
    run = flow.floor.seen(run)
    assert (run.state, run.fence) == ("SUCCEEDED", 1)
    assert flow.states(run) == {"a": "SUCCEEDED", "b": "SUCCEEDED", "c": "SKIPPED"}
    assert flow.output(run) == {"text": "3 tickets", "n": 3}
    assert flow.door.made == []
    assert flow.events(run).count("run.step_settled") == 3


def test_a_computation_that_fails_on_the_data_fails_the_run(flow):
    run = flow.run(COMPUTE)
    assert (run.state, run.code) == ("FAILED", "expression_error")


def test_outputs_that_cannot_be_told_turn_the_run_back(flow):
    run = flow.run(f'outputs: {{text: "${{{{ trigger.missing }}}}"}}\nsteps:\n  - {{id: post, {POST % "hello"}}}')
    assert (run.state, run.code) == ("ROLLED_BACK", "bad_outputs")
    assert flow.made("compensate") == ["post"]


INPUTS = """\
inputs: {type: object, required: [n], properties: {n: {type: integer}}}
steps: [{id: a, compute: {n: "${{ trigger.n }}"}}]
"""


def test_a_trigger_that_is_not_what_the_workflow_takes_starts_nothing(flow):
    flow.publish(INPUTS)
    with pytest.raises(InputsInvalid, match="trigger/n: 'x' is not of type 'integer'"):
        flow.start(n="x")
    with pytest.raises(InputsInvalid, match="'n' is a required property"):
        flow.start()
    with transaction.atomic():
        assert not Run.objects.exists()
    assert flow.drive(flow.start(n=1)).state == "SUCCEEDED"


def test_a_timer_holds_no_worker(flow):
    run = flow.run("steps:\n  - {id: nap, wait: {for: 10m}}\n  - {id: after, compute: {x: 1}, needs: [nap]}")
    assert (run.state, run.waits_for, run.lease_until) == ("WAITING", "timer", None)
    assert timedelta(minutes=9) < run.wake_at - clock.now() <= timedelta(minutes=10)
    flow.floor.due(run)
    assert flow.drive(run).state == "SUCCEEDED"


def test_a_timer_until_a_time_that_has_passed_is_no_wait(flow):
    spec = 'steps: [{id: nap, wait: {until: "${{ trigger.at }}"}}]'
    assert flow.run(spec, at="2020-01-01T00:00:00Z").state == "SUCCEEDED"
    later = (clock.now() + timedelta(hours=3)).isoformat()
    run = flow.drive(flow.start(key="k2", at=later))
    assert (run.waits_for, run.wake_at.isoformat()) == ("timer", later)
    for key, text in (("k3", "soon"), ("k4", "2030-01-01T00:00:00")):
        assert flow.drive(flow.start(key=key, at=text)).code == "bad_time"


def test_a_run_past_its_deadline_turns_back(flow):
    nap = "{id: nap, wait: {until: '2099-01-01T00:00:00Z'}, needs: [post]}"
    run = flow.run(f"deadline: 1h\nsteps:\n  - {{id: post, {POST % 'x'}}}\n  - {nap}")
    assert (run.state, run.wake_at) == ("WAITING", run.deadline_at)
    with transaction.atomic():
        Run.objects.filter(pk=run.pk).update(deadline_at=clock.now())
    run = flow.drive(run)
    assert (run.state, run.code) == ("ROLLED_BACK", "deadline_passed")
    assert flow.made("compensate") == ["post"]


def test_a_step_that_may_fail_does_not_stop_the_run(flow):
    flow.door.script["read"] = [at("FAILED_PERMANENT", "gone")]
    run = flow.run(
        "steps:\n"
        f"  - {{id: read, call: servicenow.incident.get, with: {{sys_id: {'a' * 32}}}, on_failure: continue}}\n"
        '  - {id: tell, compute: {ok: "${{ steps.read.state }}", there: "${{ has(dyn(steps.read.output).value) }}"}}'
    )
    assert run.state == "SUCCEEDED"
    assert flow.output(run, "tell") == {"ok": "FAILED", "there": False}


LOOP = f"""\
steps:
  - id: each
    foreach: {{items: "${{{{ trigger.names }}}}", as: name, max: 4, parallel: 2}}
    {POST.split(", with")[0]}
    with: {{channel: C0ITSM, text: "hello ${{{{ name }}}}"}}
  - {{id: after, compute: {{n: 1}}, needs: [each]}}
"""


def test_a_loop_is_one_step_per_item_and_its_output_a_list_in_order(flow):
    run = flow.run(LOOP, names=["a", "b", "c"])
    assert run.state == "SUCCEEDED", flow.floor.story(run)
    assert flow.states(run) == dict.fromkeys(["each", "each[0]", "each[1]", "each[2]", "after"], "SUCCEEDED")
    assert [flow.door.specs[f"each[{n}]"].args["text"] for n in range(3)] == ["hello a", "hello b", "hello c"]
    assert flow.output(run, "each") == [{"value": "x"}] * 3
    assert run.effects == 3


def test_an_empty_loop_is_done(flow):
    run = flow.run(LOOP, names=[])
    assert (run.state, flow.output(run, "each"), flow.door.made) == ("SUCCEEDED", [], [])


@pytest.mark.parametrize(("names", "code"), [(list("abcde"), "too_many_items"), ("abc", "bad_items")])
def test_a_loop_out_of_bounds_sends_nothing(flow, names, code):
    run = flow.run(LOOP, names=names)
    assert (run.state, run.code, flow.door.made) == ("FAILED", code, [])


def test_no_more_items_are_open_than_may_be(flow):
    flow.door.script = {f"each[{n}]": [at("WAITING_APPROVAL"), DONE] for n in range(4)}
    run = flow.run(LOOP, names=list("abcd"))
    assert (run.state, run.waits_for) == ("WAITING", "approval")
    assert flow.made("advance") == ["each[0]", "each[1]"]
    with transaction.atomic():
        Step.objects.filter(run=run, key="each[0]").update(due_at=clock.now())
    run = flow.drive(run)
    assert flow.made("advance") == ["each[0]", "each[1]", "each[0]", "each[2]"]


def test_an_item_that_fails_takes_the_others_back_in_reverse(flow):
    flow.door.script["each[2]"] = [at("FAILED_PERMANENT", "gone")]
    run = flow.run(LOOP, names=list("abcd"))
    assert (run.state, run.code) == ("ROLLED_BACK", "gone")
    assert flow.made("compensate") == ["each[1]", "each[0]"]
    assert ("propose", "each[3]") not in flow.door.made
    assert flow.states(run)["each"] == "FAILED"


def test_a_sub_run_pins_its_version_and_hands_its_outputs_back(family):
    family.publish(CHILD.replace("second", "other"), name="child", version="2.0.0")
    run = family.drive(family.start())
    (child,) = family.children(run)
    assert (run.state, child.state, child.workflow_version) == ("SUCCEEDED", "SUCCEEDED", "1.0.0")
    assert family.door.specs["last"].args["text"] == "x"
    assert (run.effects, child.effects) == (3, 2)
    assert (child.parent_run_id, child.parent_step) == (run.pk, "sub")
    assert family.events(run).count("run.sub_run_started") == 1


def test_the_parent_waits_without_a_worker_while_its_sub_run_waits_for_approval(family):
    family.door.script["post2"] = [at("WAITING_APPROVAL"), DONE]
    run = family.drive(family.start())
    (child,) = family.children(run)
    assert (run.state, run.waits_for, run.wake_at, run.lease_until) == ("WAITING", "sub_run", None, None)
    assert (child.state, child.waits_for) == ("WAITING", "approval")


def test_a_sub_run_that_fails_is_undone_and_fails_its_step(family):
    family.door.script["post2"] = [at("DENIED", "no")]
    run = family.drive(family.start())
    (child,) = family.children(run)
    assert (child.state, run.state, run.code) == ("ROLLED_BACK", "ROLLED_BACK", "policy_denied")
    assert family.made("compensate") == ["post1", "first"]
    assert family.states(run)["sub"] == "FAILED"


def test_a_sub_run_has_as_long_as_its_step_says(family):
    family.publish(PARENT.replace('"hi"}\n', '"hi"}\n    timeout: 10m\n'), version="2.0.0")
    family.door.script["post2"] = [at("WAITING_APPROVAL"), at("WAITING_APPROVAL")]
    run = family.drive(family.start())
    (child,) = family.children(run)
    assert (run.deadline_at, run.state) == (None, "WAITING")
    with clock.frozen(child.deadline_at):
        run = family.drive(run)
    assert (run.state, run.code, family.states(run)["sub"]) == ("ROLLED_BACK", "deadline_passed", "FAILED")


def test_a_sub_run_is_undone_with_its_parent_in_its_place_of_the_order(family):
    family.door.script["last"] = [at("FAILED_PERMANENT", "gone")]
    family.door.undo["post1"] = [at("SUCCEEDED", label="OFFSET")]
    family.door.undo["post2"] = [at("SUCCEEDED", label="RESTORED")]
    run = family.drive(family.start())
    (child,) = family.children(run)
    assert (run.state, run.code, child.state) == ("ROLLED_BACK", "gone", "ROLLED_BACK"), family.floor.story(run)
    assert family.made("compensate") == ["post2", "post1", "first"]
    assert family.floor.steps(run)["sub"].label == "OFFSET"
    assert family.states(run)["sub"] == "COMPENSATED"


def test_a_done_sub_run_stays_open_until_its_parent_has_ended(family):
    family.door.script["last"] = [at("WAITING_APPROVAL"), DONE]
    run = family.drive(family.start())
    (child,) = family.children(run)
    assert (child.state, child.waits_for, child.closed_at, child.wake_at) == ("WAITING", "parent", None, None)
    with transaction.atomic():
        Step.objects.filter(run=run, key="last").update(due_at=clock.now())
    assert family.drive(run).state == "SUCCEEDED"
    assert family.children(run)[0].state == "SUCCEEDED"


def test_a_sub_run_that_a_person_abandoned_needs_a_person_for_the_parent_too(family):
    family.door.script["post2"] = [at("FAILED_PERMANENT", "gone")]
    family.door.undo["post1"] = [at("CONFLICT", "conflict", label="CONFLICT")]
    run = family.drive(family.start())
    (child,) = family.children(run)
    assert (child.state, run.waits_for) == ("NEEDS_ATTENTION", "sub_run")
    services.settle_by_person(run_id=child.pk, answer="abandoned", reason="leave it", actor=family.floor.dana)
    run = family.drive(run)
    step = family.floor.steps(run)["sub"]
    assert (run.state, step.state, step.code, step.label) == (
        "NEEDS_ATTENTION",
        "CONFLICT",
        "sub_run_abandoned",
        "CONFLICT",
    )


def test_a_cancelled_parent_calls_its_sub_run_back_and_leaves_no_orphan(family):
    family.door.script["post2"] = [at("WAITING_APPROVAL")]
    run = family.drive(family.start())
    services.cancel(run_id=run.pk, reason="wrong", actor=family.floor.dana)
    run = family.drive(run)
    (child,) = family.children(run)
    assert (child.state, child.code) == ("ROLLED_BACK", "recalled")
    assert (run.state, run.code) == ("ROLLED_BACK", "cancelled")
    assert family.made("compensate") == ["post1", "first"]
    assert "run.recalled" in family.events(child)


def test_what_a_crash_left_untold_is_found_by_the_sweeper(family, monkeypatch):
    monkeypatch.setattr(sub_runs, "tell_others", lambda run, **_: None)
    run = family.drive(family.start())
    assert run.state == "SUCCEEDED"
    assert family.children(run)[0].state == "SUCCEEDED"


def test_a_sub_run_without_effects_ends_at_once(flow):
    flow.publish("steps: [{id: a, compute: {n: 1}}]", name="child")
    run = flow.run("steps: [{id: sub, run: {workflow: child, version: 1.0.0}}]")
    assert (run.state, run.effects, flow.children(run)[0].state) == ("SUCCEEDED", 0, "SUCCEEDED")


def test_a_sub_run_that_is_not_published_refuses_the_parent(flow):
    flow.publish(CHILD, name="child")
    with pytest.raises(DefinitionRefused, match="no workflow `nobody` is published here"):
        flow.publish(PARENT.replace("child", "nobody"), name="other")
    with pytest.raises(WorkflowUnknown):
        flow.start("other")


def test_a_sub_run_whose_inputs_are_wrong_fails_the_step(family):
    short = CHILD.replace("required: [text]", "required: [text], properties: {text: {maxLength: 3}}")
    family.publish(short, name="child", version="2.0.0")
    parent = PARENT.replace("version: 1.0.0", "version: 2.0.0").replace('text: "hi"', 'text: "${{ trigger.word }}"')
    family.publish(parent, version="1.1.0")
    run = family.drive(family.start(word="long"))
    assert (run.state, run.code) == ("ROLLED_BACK", "inputs_invalid")
    assert family.children(run) == []


def test_a_loop_of_sub_runs_takes_all_of_them_back(flow):
    flow.publish(CHILD, name="child")
    flow.door.script["after"] = [at("FAILED_PERMANENT", "gone")]
    run = flow.run(
        "steps:\n"
        "  - id: each\n"
        '    foreach: {items: "${{ trigger.names }}", as: name, max: 4, parallel: 4}\n'
        "    run: {workflow: child, version: 1.0.0}\n"
        '    with: {text: "${{ name }}"}\n'
        f"  - {{id: after, {POST % 'x'}, needs: [each]}}\n",
        names=["a", "b"],
    )
    assert run.state == "ROLLED_BACK", flow.floor.story(run)
    assert {child.state for child in flow.children(run)} == {"ROLLED_BACK"}
    assert len(flow.made("compensate")) == 4
