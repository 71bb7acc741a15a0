"""The second act: an access review. Three writes to two systems; the third fails for good and the first two go back.

Driven from outside like the first act: tasks and memberships at the vendor, runs by the API, a person at the cards.
Its figures come from the stand-ins' ledger and records; only the labels of the undone writes are the platform's word.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.demo.drive import DemoFailed, page_of
from controlplane.demo.platform import OVER, Platform
from controlplane.demo.vendors import CARD_CHANNEL, Vendors
from controlplane.lib import clock

WORKFLOW = "access-review"
USERGROUP = "S0PAYROLL"
REFUSED = {"status": 200, "body": {"ok": False, "error": "plan_upgrade_required"}}
ALWAYS = 1000
LIMIT_S = 90.0
PACE_S = 0.1

UNDONE = {"record_deleted": 1, "record_created": 1, "note_appended": 2}
CARRIED_OUT = {"record_deleted": 1, "note_appended": 1, "usergroup_updated": 1}


@dataclass(frozen=True)
class Review:
    """One decision about one person: what came of it, by the stand-ins."""

    state: str
    effects: Mapping[str, int]
    members: Sequence[str]
    labels: Mapping[str, str]


@dataclass
class SecondAct:
    """`approve` reads an approval's page in the console and says yes, with the reason that a grave one asks for."""

    vendors: Vendors
    platform: Platform
    environment: str
    say: Callable[[str], None]
    approve: Callable[[str], None]

    def play(self) -> dict[str, Any]:
        """The figures under `access_review` of `build/demo.json`."""
        began = clock.monotonic()
        before = self._members()
        tried, verdict = self._try("dave.frost")
        self.vendors.fault("status", times=ALWAYS, args=REFUSED, path="usergroups.users.update", contains="U0CAROL")
        undone = self._review("dave.frost", "Payroll Readers", approvals=2)
        self.say(f"access review: Slack refuses for good, {undone.state.lower()} {dict(undone.labels)}")
        denied = self._review("dave.frost", "Domain Admins", approvals=0)
        done = self._review("carol.reyes", "Payroll Readers", approvals=2)
        self.say(f"access review: another one is carried out, {done.state.lower()}")
        found = figures(before=before, undone=undone, denied=denied, done=done)
        dry = {"dry_run_verdict": verdict, "dry_run_effects": tried}
        return {**found, **dry, "act_s": round(clock.monotonic() - began, 1)}

    def _try(self, user: str) -> tuple[int, str]:
        """A dry run first: how many effects it had, and what it said."""
        task = self.vendors.add("sc_task", {"short_description": "Who reads the payroll? (tried)"})
        since = self._end()
        found = self.platform.dry_run(WORKFLOW, self.environment, self._trigger(task, user, "Payroll Readers"))
        return len(_ours(self.vendors.ledger(since))), str(found["verdict"])

    def _review(self, user: str, group: str, *, approvals: int) -> Review:
        """Somebody decides to revoke; Bob approves what each card links to; back comes what happened since."""
        task = self.vendors.add("sc_task", {"short_description": "Who reads the payroll?"})
        since = self._end()
        trigger = self._trigger(task, user, group)
        run_id = self.platform.start(
            workflow=WORKFLOW, environment=self.environment, trigger=trigger, key=task["sys_id"]
        )
        run = self._until_over(run_id, task["number"], since, approvals)
        effects = Counter(row["kind"] for row in _ours(self.vendors.ledger(since)))
        labels = {step["key"]: step["label"] for step in run["steps"] if step["label"]}
        return Review(run["state"], effects, self._members(), labels)

    def _until_over(self, run_id: str, number: str, since: int, approvals: int) -> dict[str, Any]:
        answered: set[str] = set()
        deadline = clock.monotonic() + LIMIT_S
        while clock.monotonic() < deadline:
            for card in self.vendors.ledger(since):
                if _is_card(card, number) and card["ts"] not in answered:
                    answered.add(card["ts"])
                    self.approve(page_of(card))
            run = self.platform.run(run_id)
            if run["state"] in OVER and len(answered) >= approvals:
                return run
            time.sleep(PACE_S)
        raise DemoFailed(f"the access review {number} was not over within {LIMIT_S:.0f} s: {run['state']}")

    def _trigger(self, task: Mapping[str, str], user: str, group: str) -> dict[str, str]:
        about = {"sys_id": task["sys_id"], "number": task["number"], "usergroup": USERGROUP}
        people = {"user": self._id("sys_user", user_name=user), "group": self._id("sys_user_group", name=group)}
        return {**about, **people, "decision": "revoke", "reviewer": "Alice"}

    def _id(self, table: str, **which: str) -> str:
        rows = self.vendors.state()["servicenow"][table].values()
        return next(str(row["sys_id"]) for row in rows if which.items() <= row.items())

    def _members(self) -> list[str]:
        """Who reads the payroll, in both systems."""
        state = self.vendors.state()
        group = self._id("sys_user_group", name="Payroll Readers")
        rows = state["servicenow"]["sys_user_grmember"].values()
        in_slack: list[str] = state["slack"]["usergroups"][USERGROUP]["users"]
        return sorted([*(row["user"] for row in rows if row["group"] == group), *in_slack])

    def _end(self) -> int:
        return len(self.vendors.ledger())


def figures(*, before: Sequence[str], undone: Review, denied: Review, done: Review) -> dict[str, Any]:
    """Counts of reviews that ended as they should, judged by effects and records."""
    back = undone.state == "ROLLED_BACK" and undone.effects == UNDONE and undone.members == before
    through = done.state == "SUCCEEDED" and done.effects == CARRIED_OUT and len(done.members) == len(before) - 2
    refused = denied.state == "REJECTED" and not denied.effects and denied.members == before
    return {
        "reviews": 3,
        "rolled_back": int(back),
        "denied": int(refused),
        "carried_out": int(through),
        "labels": dict(sorted(undone.labels.items())),
        "unexpected_effects": sum(
            beyond(review.effects, wanted) for review, wanted in ((undone, UNDONE), (denied, {}), (done, CARRIED_OUT))
        ),
    }


def beyond(seen: Mapping[str, int], wanted: Mapping[str, int]) -> int:
    return sum(max(0, count - wanted.get(kind, 0)) for kind, count in seen.items())


def broken_promises(found: Mapping[str, Any]) -> list[str]:
    """Each promise of this act that its figures break, in words."""
    promises = {
        "three writes, the third fails for good: the first two are undone": found["rolled_back"] == 1,
        "the undone writes are read back and labelled": found["labels"] == {"note": "OFFSET", "revoke": "RESTORED"},
        "nobody is taken out of a privileged group": found["denied"] == 1,
        "an approved review is carried out in both systems": found["carried_out"] == 1,
        "a review has no other effects": found["unexpected_effects"] == 0,
        "a dry run has no effect": found["dry_run_effects"] == 0 and found["dry_run_verdict"] == "asks_people",
    }
    return [promise for promise, kept in promises.items() if not kept]


def _ours(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Effects on records; cards and their updates are how people are asked."""
    return [row for row in rows if row["origin"] == "api" and not row["kind"].startswith("message")]


def _is_card(row: Mapping[str, Any], number: str) -> bool:
    posted = row["kind"] == "message_posted" and row["channel"] == CARD_CHANNEL
    return posted and number in str((row["text"], row["blocks"]))
