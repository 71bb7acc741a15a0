"""The scenarios of the demo, as a table: what happens to a ticket, who decides, and what may be left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from controlplane.demo.judge import NOTHING, UNDONE, WRITTEN, Case, Effects
from controlplane.demo.vendors import TEAM_CHANNEL, Vendors

Arrange = Callable[[Vendors, Case], None]
ALWAYS = 1000


class Decision(Enum):
    """What the person in front of the card does."""

    SLACK_APPROVES = "approves in Slack"
    WEB_APPROVES = "approves in the console"
    SLACK_REJECTS = "rejects in Slack, with a reason"
    HALT_FIRST = "engages the kill switch, approves, releases"
    NOBODY = "is not asked"


class Trigger(Enum):
    WEBHOOK = "signed webhook"
    WEBHOOK_TWICE = "the same webhook twice"
    FORBIDDEN_WORKFLOW = "a workflow that writes a forbidden field"


@dataclass(frozen=True)
class Scenario:
    """`expected` is all that may be done to the ticket; `states` are those its run may end in."""

    says: str
    expected: Effects
    decision: Decision = Decision.SLACK_APPROVES
    trigger: Trigger = Trigger.WEBHOOK
    states: tuple[str, ...] = ("SUCCEEDED",)
    arrange: Arrange | None = None
    timed: bool = True


def drop_the_reply(vendors: Vendors, case: Case) -> None:
    """ServiceNow performs the write, then the connection breaks before the answer."""
    vendors.fault("drop_after", times=1, method="PATCH", path=case.sys_id)


def archive_the_channel(vendors: Vendors, case: Case) -> None:
    """Slack refuses the announcement of this ticket for good."""
    gone = {"status": 200, "body": {"ok": False, "error": "is_archived"}}
    match = {"path": "/slack/api/chat.postMessage", "contains": [case.number, TEAM_CHANNEL]}
    vendors.fault("status", times=ALWAYS, args=gone, **match)


SCENARIOS: dict[str, Scenario] = {
    "slack": Scenario("approved in Slack, written, announced", WRITTEN),
    "web": Scenario("approved in the console, written, announced", WRITTEN, Decision.WEB_APPROVES),
    "duplicate": Scenario("the webhook came twice: one run", WRITTEN, trigger=Trigger.WEBHOOK_TWICE),
    "dropped": Scenario("the reply was lost after the write: probed, not sent again", WRITTEN, arrange=drop_the_reply),
    "rejected": Scenario("rejected: nothing written", NOTHING, Decision.SLACK_REJECTS, states=("REJECTED",)),
    "denied": Scenario(
        "a forbidden field: denied by policy",
        NOTHING,
        Decision.NOBODY,
        Trigger.FORBIDDEN_WORKFLOW,
        states=("FAILED", "REJECTED"),
    ),
    "rolled_back": Scenario(
        "the announcement failed for good: rolled back", UNDONE, states=("ROLLED_BACK",), arrange=archive_the_channel
    ),
    "halted": Scenario("held by the kill switch, then released", WRITTEN, Decision.HALT_FIRST, timed=False),
}
SPECIAL = ("duplicate", "rejected", "dropped", "denied", "rolled_back", "halted")
FEWEST = 10


def plan(count: int) -> list[str]:
    """A scenario for each of `count` tickets: special ones once each, each fifth other one in the console."""
    usual = ["web" if n % 5 == 2 else "slack" for n in range(count - len(SPECIAL))]
    places = {3 + 2 * n: name for n, name in enumerate(SPECIAL)} if count > 3 + 2 * len(SPECIAL) else {}
    if not places:
        return usual + list(SPECIAL)
    rest = iter(usual)
    return [places[n] if n in places else next(rest) for n in range(count)]
