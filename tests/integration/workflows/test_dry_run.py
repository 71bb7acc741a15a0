"""A dry run on real parts: it shows everything, and the stand-ins' ledgers show nothing."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction

from approvals.models import ApprovalRequest
from connectors.models import CallAttempt, History, ToolCall
from connectors.sandbox.servicenow import schema
from controlplane.lib.errors import DomainError, Forbidden
from evidence.models import Event
from metering.models import Reservation
from policies import packs
from tenants import halts
from tenants.models import Halt
from tests import gateway_ground as ground
from workflows import library, services
from workflows.models import Run, Step, WakeUp
from workflows.rehearsal import Would, stage
from workflows.rehearsal.types import Verdict, document

DAVE = schema.stable_id("sys_user", "dave.frost")
READERS = schema.stable_id("sys_user_group", "Payroll Readers")
ADMINS = schema.stable_id("sys_user_group", "Domain Admins")


class Theatre:
    def __init__(self, floor: Any) -> None:
        self.floor, self.vendors = floor, floor.vendors
        values = {"short_description": "Who reads the payroll?"}
        self.task = self.vendors.ctl("add", {"table": "sc_task", "values": values})["record"]

    def review(self, **changed: str) -> dict[str, str]:
        about = {name: self.task[name] for name in ("sys_id", "number")}
        decided = {"user": DAVE, "group": READERS, "usergroup": "S0PAYROLL", "decision": "revoke", "reviewer": "Carol"}
        return {**about, **decided, **changed}

    def play(self, workflow: str, trigger: dict[str, Any], **how: Any) -> Any:
        environment_id = self.floor.side.environment.id
        actor = how.pop("actor", self.floor.dana)
        return services.dry_run(workflow=workflow, environment_id=environment_id, trigger=trigger, actor=actor, **how)

    def publish(self, source: str) -> None:
        services.publish_version(workspace_id=self.floor.side.workspace.id, source=source, actor=self.floor.alice)

    def assert_untouched(self) -> None:
        """Nothing written at any vendor, nobody asked, nothing held, no run, nothing that could be sent later."""
        assert self.vendors.ledger(origin="api") == []
        with transaction.atomic():
            for table in (ApprovalRequest, Reservation, Run, Step, WakeUp):
                assert not table.objects.exists(), table
            assert not any(row.writes or row.tools for row in History.objects.all())
            assert not ToolCall.objects.filter(kind="write").exists()
            assert not ToolCall.objects.filter(dry_run=False).exists()
            assert not CallAttempt.objects.filter(call__kind="write").exists()


@pytest.fixture
def theatre(unruled: Any) -> Theatre:
    pack = packs.access_review(privileged_groups=[ADMINS], usergroups=["S0PAYROLL"])
    ground.publish(unruled.side, unruled.alice, access_review=pack)
    made = Theatre(unruled)
    made.publish(library.source("access-review"))
    return made


def would(found: Any) -> dict[str, Would]:
    return {scene.id: scene.would for scene in found.scenes}


def test_every_write_is_shown_with_its_diff_its_decision_and_its_undo(theatre: Theatre) -> None:
    found = theatre.play("access-review", theatre.review())
    told = document(found)
    assert would(found) == {
        **dict.fromkeys(["task", "membership", "account", "chat_group"], Would.READ),
        "revoke": Would.ASKS,
        "note": Would.PROPOSED,
        "chat": Would.ASKS,
    }
    steps = {step["id"]: step for step in told["steps"]}
    assert [(c["before"], c["after"]) for c in steps["revoke"]["changes"]] == [("member", "not a member")]
    assert steps["revoke"]["title"] == "Remove Dave Frost from Payroll Readers"
    assert [reason["code"] for reason in steps["revoke"]["reasons"]] == ["removal_needs_approval"]
    assert [(c["before"], c["after"]) for c in steps["chat"]["changes"]] == [("in the group", "not in the group")]
    assert steps["note"]["changes"][0]["after"].startswith("Dave Frost in Payroll Readers: Carol decided to revoke")
    assert [asked["step"] for asked in told["approvals"]] == ["revoke", "chat"]
    assert [undo["step"] for undo in told["undo"]] == ["chat", "note", "revoke"]
    assert all(undo["cannot"] for undo in told["undo"])
    assert (told["verdict"], told["cost"]["calls"], told["cost"]["known_calls"]) == ("asks_people", 7, 7)
    theatre.assert_untouched()


def test_a_model_is_not_asked_and_what_depends_on_it_is_named(theatre: Theatre) -> None:
    trigger = theatre.floor.incident(short_description="VPN drops")
    found = theatre.play("itsm-triage", trigger)
    assert would(found) == {
        "incident": Would.READ,
        "choices": Would.READ,
        "triage": Would.PROPOSED,
        "write": Would.DEPENDS,
        "announce": Would.DEPENDS,
    }
    scenes = {scene.id: scene for scene in found.scenes}
    assert scenes["write"].depends_on == ["triage"]
    assert scenes["triage"].seen.cost_micros > 0
    assert (found.verdict, found.cost.known, found.cost.calls) == (Verdict.OPEN, 3, 5)
    assert theatre.vendors.log("/anthropic") == []
    theatre.assert_untouched()


def test_with_the_model_the_diff_of_the_write_is_shown(theatre: Theatre) -> None:
    trigger = theatre.floor.incident(short_description="VPN drops every few minutes", category="inquiry")
    found = theatre.play("itsm-triage", trigger, with_model=True)
    assert would(found)["triage"] is Would.ASKED
    assert would(found)["write"] is Would.ASKS
    (write,) = [scene for scene in found.scenes if scene.id == "write"]
    changes = {change.field: (change.before, change.after) for change in write.seen.preview.changes}
    assert changes["category"] == ("Inquiry / Help", "network")
    assert found.spent_micros > 0
    assert len(theatre.vendors.log("/anthropic")) == 1
    theatre.assert_untouched()


def test_a_denied_write_is_where_the_run_would_turn_back(theatre: Theatre) -> None:
    found = theatre.play("access-review", theatre.review(group=ADMINS))
    assert found.verdict is Verdict.TURNS_BACK
    # the read of the privileged membership is granted, its removal is not, and nothing after it is reached
    assert (would(found)["membership"], would(found)["revoke"]) == (Would.READ, Would.DENIED)
    assert (would(found)["note"], would(found)["chat"]) == (Would.NOT_REACHED, Would.NOT_REACHED)
    assert document(found)["undo"] == []
    theatre.assert_untouched()


def test_steps_that_would_be_skipped_are_shown_so(theatre: Theatre) -> None:
    found = theatre.play("access-review", theatre.review(decision="keep"))
    assert (would(found)["revoke"], would(found)["chat"]) == (Would.SKIPPED, Would.SKIPPED)
    assert found.verdict is Verdict.GOES_THROUGH
    theatre.assert_untouched()


def test_a_target_that_cannot_be_read_is_said_and_not_guessed(theatre: Theatre) -> None:
    found = theatre.play("access-review", theatre.review(usergroup="S0NOWHERE"))
    assert would(found)["chat_group"] is Would.DENIED
    gone = theatre.play("access-review", theatre.review(user="0" * 32))
    assert would(gone)["membership"] is Would.FAILS
    assert would(gone)["revoke"] is Would.NOT_REACHED
    theatre.assert_untouched()


def test_a_workflow_that_may_not_start_reads_nothing(theatre: Theatre) -> None:
    theatre.publish(library.source("access-review").replace("name: access-review", "name: other"))
    found = theatre.play("other", theatre.review())
    assert (found.verdict, list(found.scenes)) == (Verdict.REFUSED, [])
    assert [entry for entry in theatre.vendors.log() if "/__ctl" not in entry["path"]] == []
    theatre.assert_untouched()


ALL_KINDS = """\
apiVersion: interlock/v1
kind: Workflow
metadata: {name: access-review, version: 1.1.0}
spec:
  steps:
    - {id: names, compute: {list: "${{ trigger.users }}"}}
    - {id: pause, wait: {for: 10m}, needs: [names]}
    - id: each
      needs: [pause]
      foreach: {items: "${{ steps.names.output.list }}", as: person, max: 3}
      call: servicenow.membership.remove
      with: {user: "${{ person }}", group: "${{ trigger.group }}"}
    - id: review
      needs: [each]
      run: {workflow: access-review, version: 1.0.0}
      with:
        {sys_id: "${{ trigger.sys_id }}", number: "${{ trigger.number }}", user: "${{ trigger.user }}",
         group: "${{ trigger.group }}", usergroup: S0PAYROLL, decision: keep, reviewer: Carol}
"""


def test_loops_timers_and_sub_runs_are_played_without_waiting(theatre: Theatre) -> None:
    theatre.publish(ALL_KINDS)
    carol = schema.stable_id("sys_user", "carol.reyes")
    trigger = {**theatre.review(), "users": [carol, DAVE]}
    found = theatre.play("access-review", trigger)
    seen = would(found)
    assert [seen[name] for name in ("names", "pause", "each", "each[0]", "each[1]", "review")] == [
        Would.COMPUTED,
        Would.WAITS,
        Would.LOOPS,
        Would.ASKS,
        Would.ASKS,
        Would.STARTS,
    ]
    assert (seen["review/note"], seen["review/revoke"]) == (Would.PROPOSED, Would.SKIPPED)
    titles = [scene.seen.preview.title for scene in found.scenes if scene.id.startswith("each[")]
    assert titles == ["Remove Carol Reyes from Payroll Readers", "Remove Dave Frost from Payroll Readers"]
    theatre.assert_untouched()


def test_a_loop_is_looked_at_no_further_than_the_bound(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "MOST_CALLS", 1)
    theatre.publish(ALL_KINDS)
    found = theatre.play("access-review", {**theatre.review(), "users": [DAVE, DAVE]})
    assert (would(found)["each[0]"], would(found)["each[1]"]) == (Would.ASKS, Would.FAILS)
    assert next(scene.code for scene in found.scenes if scene.id == "each[1]") == "dry_run_too_long"


def test_a_halt_stops_the_reads_of_a_dry_run_too(theatre: Theatre) -> None:
    everything = halts.Scope(halts.Kind.TENANT)
    halts.engage(scope=everything, mode=Halt.Mode.FREEZE, reason="drill", actor=theatre.floor.alice)
    found = theatre.play("access-review", theatre.review())
    scenes = {scene.id: scene for scene in found.scenes}
    assert (scenes["task"].would, scenes["task"].code) == (Would.FAILS, "halted")
    assert found.verdict is Verdict.TURNS_BACK
    theatre.assert_untouched()


def test_the_dry_run_is_in_the_record_without_its_content(theatre: Theatre) -> None:
    found = theatre.play("access-review", theatre.review())
    with transaction.atomic():
        types = set(Event.objects.filter(run_id=found.id).values_list("type", flat=True))
    assert "workflow.dry_run" in types
    assert "tool.call.intent" in types


def test_who_may_not_start_a_run_may_not_try_one(theatre: Theatre) -> None:
    nobody = replace(theatre.floor.dana, id=theatre.floor.bob.id)
    with pytest.raises(Forbidden):
        theatre.play("access-review", theatre.review(), actor=nobody)
    assert theatre.vendors.log("/servicenow") == []


def test_a_trigger_that_no_run_would_take_is_refused(theatre: Theatre) -> None:
    with pytest.raises(DomainError):
        theatre.play("access-review", theatre.review(decision="maybe"))
    theatre.assert_untouched()
