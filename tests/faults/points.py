"""The fault points: every place where a process may die or fall asleep, by the name of what it was doing.

A *site* is a function of the product, named late (`module:name`), so that nothing in production knows of faults. Its
moments: `enter` and `leave` around the function, `before_commit` and `after_commit` around the commit of the
transaction that it opened, and, on the wire, the moments of one request. `test_points.py` proves that every site still
exists, `hooks` installs them in the processes under test.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Moment(StrEnum):
    ENTER = "enter"
    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"
    LEAVE = "leave"


COMMITS = (Moment.BEFORE_COMMIT, Moment.AFTER_COMMIT)
AROUND = (Moment.ENTER, Moment.LEAVE)


@dataclass(frozen=True, slots=True)
class Site:
    """`what` happens there; `moments` that are points of the matrix."""

    name: str
    where: str
    what: str
    moments: tuple[Moment, ...] = COMMITS

    def points(self) -> Iterator[str]:
        yield from (f"{self.name}.{moment}" for moment in self.moments)


ENGINE = (
    Site("claim", "workflows.claiming:Queue.claim", "a worker takes runs out of the queue"),
    Site("wave", "workflows.engine.loop:Engine._wave", "the first look at the runs that were taken"),
    Site("look", "workflows.engine.loop:_look", "what a call did is written down, with what comes next"),
    Site("make", "workflows.engine.outward:make", "the engine asks the gateway", AROUND),
    Site("close", "workflows.engine.ending:close", "the last words of a run", (Moment.LEAVE,)),
)

GATEWAY = (
    Site("propose", "connectors.gateway.proposal:propose", "the call is written down"),
    Site("take_call", "connectors.gateway.progress:_claim", "a worker takes the lease of a call"),
    Site("observe", "connectors.gateway.observation:reading_for", "the read before a write is written down"),
    Site("adopt", "connectors.gateway.observation:take_over", "the write adopts its before image"),
    Site("decide", "connectors.gateway.decision:decide", "the policy decides; or people are asked"),
    Site("dispatch", "connectors.gateway.dispatch:_intend", "the intent: budget, approval, evidence"),
    Site("send", "connectors.gateway.sending:send", "around the whole exchange", AROUND),
    Site("settle", "connectors.gateway.settlement:settle", "the outcome, its images, its cost, its evidence"),
)

WIRE_SITE = "connectors.transport:_Wire.trace"
WIRE = {
    "send_request_headers.started": "wire.before_first_byte",
    "send_request_headers.complete": "wire.mid_send",
    "send_request_body.complete": "wire.sent",
    "receive_response_headers.complete": "wire.reply_read",
}
"""Moments of one request: nothing has left; the head has, the body has not; all has; the reply begins."""

RECOVERY = (
    Site("declare_lost", "connectors.gateway.recovery:declare_lost", "a call whose worker died becomes unknown"),
    Site("move_call", "connectors.locks:move", "a call moves, in somebody's transaction", (Moment.LEAVE,)),
    Site("take_unknown", "connectors.gateway.recovery:_claim", "a worker takes an unknown call to probe it"),
    Site("probe", "connectors.gateway.recovery:look", "the target is asked", AROUND),
    Site("found", "connectors.gateway.recovery:_found", "what was found there is written down"),
    Site("probed", "connectors.gateway.recovery:_absent_or_unclear", "absence or doubt is written down"),
)

COMPENSATION = (Site("undo", "connectors.gateway.compensation:_undo_of", "the undo is written down"),)

SWEEPER = (
    Site("make_due", "workflows.claiming:make_due", "overdue runs are put into the queue"),
    Site("stop_covered", "workflows.halting:stop_covered_runs", "a STOP_AND_UNDO halt marks its runs"),
    Site("confirm_halt", "tenants.halts:confirm", "a halt is confirmed"),
)

PEOPLE = (
    Site("start", "workflows.services:start_runs", "runs are started"),
    Site("vote", "approvals.services:cast_vote", "a person decides"),
    Site("cancel", "workflows.services:cancel", "a person stops a run"),
    Site("engage", "tenants.halts:engage", "a person pulls the kill switch"),
    Site("ask_release", "tenants.halts:request_release", "a person asks for the release"),
    Site("release", "tenants.halts:release", "a second person releases"),
)

OF_NO_RUN = ("claim", "make_due")
"""Sites that work for many runs and know none of them beforehand: whoever gets there first is struck."""

SITES = (*ENGINE, *GATEWAY, *RECOVERY, *COMPENSATION, *SWEEPER, *PEOPLE)


def points() -> list[str]:
    """Every fault point by name."""
    return [point for site in SITES for point in site.points()] + list(WIRE.values())
