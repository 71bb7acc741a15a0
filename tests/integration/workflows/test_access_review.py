"""The second reference workflow: three writes to two systems, on real parts, judged by the stand-ins' ledgers."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from approvals.types import Verdict
from connectors.models import ToolCall
from connectors.ports import Delivery
from connectors.sandbox.servicenow import schema
from controlplane.lib import clock
from controlplane.lib.ids import uuid7
from policies import packs
from tests import gateway_ground as ground
from workflows import delivered, library, services
from workflows.models import Run
from workflows.types import RunState

DAVE = schema.stable_id("sys_user", "dave.frost")
READERS = schema.stable_id("sys_user_group", "Payroll Readers")
ADMINS = schema.stable_id("sys_user_group", "Domain Admins")
MEMBERSHIP = {"user": DAVE, "group": READERS}
REFUSED = {"status": 200, "body": {"ok": False, "error": "plan_upgrade_required"}}
UPDATE = "usergroups.users.update"


class Review:
    """Carol has reviewed who reads the payroll; the platform carries out what she decided about Dave."""

    def __init__(self, floor: Any) -> None:
        self.floor, self.vendors = floor, floor.vendors
        task = self.vendors.ctl("add", {"table": "sc_task", "values": {"short_description": "Who reads the payroll?"}})
        self.task = task["record"]

    def trigger(self, **changed: str) -> dict[str, str]:
        about = {name: self.task[name] for name in ("sys_id", "number")}
        decided = {"usergroup": "S0PAYROLL", "decision": "revoke", "reviewer": "Carol Reyes"}
        return {**about, **MEMBERSHIP, **decided, **changed}

    def start(self, **changed: str) -> Any:
        run = self.floor.start(self.trigger(**changed), workflow="access-review")
        return self.floor.wake(run)

    def approve(self, run: Any, *steps: str) -> Any:
        for step in steps:
            assert (run.state, run.waits_for) == (RunState.WAITING, "approval"), self.floor.story(run)
            self.floor.vote(run, step)
            run = self.floor.wake(run)
        return run

    def finish(self, run: Any) -> Any:
        """Wake the run as a sweeper would until it is over or a person's."""
        for _ in range(20):
            if run.closed_at is not None or run.state == RunState.NEEDS_ATTENTION:
                return run
            self.floor.due(run)
            run = self.floor.wake(run)
        return pytest.fail(str(self.floor.story(run)))

    def members(self) -> list[str]:
        rows = self.vendors.ctl("state", method="GET")["servicenow"]["sys_user_grmember"].values()
        return sorted(row["user"] for row in rows if row["group"] == READERS)

    def in_slack(self) -> list[str]:
        groups = self.vendors.ctl("state", method="GET")["slack"]["usergroups"]
        return sorted(groups["S0PAYROLL"]["users"])

    def effects(self) -> list[str]:
        """What the platform changed, in order; its approval cards are not what this is about."""
        rows = self.vendors.ledger(origin="api")
        return [row["kind"] for row in rows if not row["kind"].startswith("message")]

    def notes(self) -> list[str]:
        path = f"state?sys_id={self.task['sys_id']}&table=sc_task"
        return [note["value"] for note in self.vendors.ctl(path, method="GET")["work_notes"]][::-1]

    def labels(self, run: Any) -> dict[str, str]:
        with transaction.atomic():
            undone = ToolCall.objects.filter(run_id=run.pk, compensates__isnull=False)
            return dict(undone.values_list("step_id", "label"))


@pytest.fixture
def review(unruled: Any) -> Review:
    pack = packs.access_review(privileged_groups=[ADMINS], usergroups=["S0PAYROLL"])
    ground.publish(unruled.side, unruled.alice, access_review=pack)
    services.publish_version(
        workspace_id=unruled.side.workspace.id, source=library.source("access-review"), actor=unruled.alice
    )
    return Review(unruled)


def test_a_revoked_access_is_gone_from_both_systems_and_noted_once(review: Review) -> None:
    before = review.members()
    run = review.approve(review.start(), "revoke", "chat")
    assert run.state == RunState.SUCCEEDED, review.floor.story(run)
    assert review.effects() == ["record_deleted", "note_appended", "usergroup_updated"]
    assert review.members() == [user for user in before if user != DAVE]
    assert review.in_slack() == ["U0CAROL"]
    (note,) = review.notes()
    assert note.startswith("Dave Frost in Payroll Readers: Carol Reyes decided to revoke the access.")


def test_a_third_write_that_fails_for_good_takes_the_first_two_back(review: Review) -> None:
    review.vendors.fault("status", times=100, args=REFUSED, path=UPDATE)
    before = review.members()
    run = review.finish(review.approve(review.start(), "revoke", "chat"))
    assert (run.state, run.code) == (RunState.ROLLED_BACK, "slack_plan_upgrade_required"), review.floor.story(run)
    assert review.effects() == ["record_deleted", "note_appended", "note_appended", "record_created"]
    assert review.labels(run) == {"note": "OFFSET", "revoke": "RESTORED"}
    assert (review.members(), review.in_slack()) == (before, ["U0CAROL", "U0DAVE"])
    assert ["Correction" in note for note in review.notes()] == [False, True]
    states = review.floor.states(run)
    assert [states[step] for step in ("revoke", "note", "chat")] == ["COMPENSATED", "COMPENSATED", "FAILED"]


def test_who_was_made_a_member_again_by_hand_is_left_alone(review: Review) -> None:
    review.vendors.fault("status", times=100, args=REFUSED, path=UPDATE)
    run = review.approve(review.start(), "revoke")
    by_hand = review.vendors.ctl("add", {"table": "sys_user_grmember", "values": MEMBERSHIP})["record"]["sys_id"]
    run = review.finish(review.approve(run, "chat"))
    assert run.state == RunState.NEEDS_ATTENTION, review.floor.story(run)
    assert review.floor.states(run)["revoke"] == "CONFLICT"
    assert review.effects() == ["record_deleted", "note_appended", "note_appended"]
    rows = review.vendors.ctl("state", method="GET")["servicenow"]["sys_user_grmember"]
    assert by_hand in rows
    assert review.members().count(DAVE) == 1


LOST = [
    ("revoke", {"method": "DELETE", "path": "sys_user_grmember"}),
    ("note", {"method": "PATCH", "path": "sc_task"}),
    ("chat", {"path": UPDATE}),
]


@pytest.mark.parametrize(("step", "match"), LOST, ids=[step for step, _ in LOST])
def test_a_reply_lost_after_the_write_is_probed_and_written_once(
    review: Review, step: str, match: dict[str, str]
) -> None:
    review.vendors.fault("drop_after", **match)
    run = review.start()
    waits_at = {"revoke": ("revoke",), "note": ("revoke",), "chat": ("revoke", "chat")}[step]
    run = review.approve(run, *waits_at)
    assert review.floor.states(run)[step] == "UNKNOWN", review.floor.story(run)
    with clock.frozen(clock.now() + timedelta(seconds=5)):
        review.floor.due(run)
        run = review.floor.wake(run)
        run = review.approve(run, *[s for s in ("revoke", "chat") if s not in waits_at])
    assert run.state == RunState.SUCCEEDED, review.floor.story(run)
    assert review.effects() == ["record_deleted", "note_appended", "usergroup_updated"]


def test_a_reply_lost_while_a_member_is_put_back_makes_one_membership(review: Review) -> None:
    review.vendors.fault("status", times=100, args=REFUSED, path=UPDATE)
    review.vendors.fault("drop_after", method="POST", path="sys_user_grmember")
    run = review.approve(review.start(), "revoke", "chat")
    with clock.frozen(clock.now() + timedelta(seconds=5)):
        run = review.finish(run)
    assert run.state == RunState.ROLLED_BACK, review.floor.story(run)
    assert review.labels(run)["revoke"] == "RESTORED"
    assert review.effects().count("record_created") == 1


def test_a_privileged_group_is_denied_and_nobody_is_asked(review: Review) -> None:
    run = review.start(group=ADMINS)
    assert (run.state, run.code) == (RunState.REJECTED, "policy_denied"), review.floor.story(run)
    assert review.effects() == []
    assert review.vendors.ledger(vendor="slack", kind="message_posted") == []


def test_a_kept_access_is_noted_and_changes_nothing_else(review: Review) -> None:
    run = review.finish(review.start(decision="keep"))
    assert run.state == RunState.SUCCEEDED, review.floor.story(run)
    assert review.effects() == ["note_appended"]
    states = review.floor.states(run)
    assert (states["revoke"], states["chat"]) == ("SKIPPED", "SKIPPED")


def test_a_rejected_removal_changes_nothing(review: Review) -> None:
    run = review.start()
    review.floor.vote(run, "revoke", Verdict.REJECT)
    run = review.floor.wake(run)
    assert (run.state, run.code) == (RunState.REJECTED, "approval_rejected"), review.floor.story(run)
    assert review.effects() == []


def test_a_decision_that_arrives_by_webhook_starts_one_review(review: Review) -> None:
    floor = review.floor
    for delivery_id in (uuid7(), uuid7()):
        with transaction.atomic():
            delivered.by_webhook(
                Delivery(
                    delivery_id=delivery_id,
                    endpoint_id=uuid7(),
                    workspace_id=floor.side.workspace.id,
                    environment_id=floor.side.environment.id,
                    connector="servicenow",
                    driver="servicenow",
                    event="review.decided",
                    webhook_id=str(delivery_id),
                    body={"data": review.trigger(decision="keep")},
                    sender=floor.sender,
                )
            )
    with transaction.atomic():
        (run,) = Run.objects.filter(workflow_name="access-review")
    assert run.ticket_number == review.task["number"]
    assert review.finish(floor.wake(run)).state == RunState.SUCCEEDED
    assert review.effects() == ["note_appended"]
