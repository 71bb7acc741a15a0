"""A governed run in which everything is as it must be, and the means to make one thing wrong."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.unit.evidence.forge import Step

CALL = {"call_id": "call-1", "attempt": 1}
TOOL = {"tool": "itsm.update", "tool_version": "1.0.0", "manifest_digest": "m1"}
ASKED = {"request_id": "req-1", "call_id": "call-1", "action_digest": "d1", "display_digest": "shown-1"}
KEY = {"idempotency_key": "run-1:write"}
POLICY = {"environment_id": "env-1", "seq": 4, "bundle_sha256": "b4", "phase": "before", "call_id": "call-1"}
BOB = {"actor": {"kind": "human", "id": "bob", "method": "session"}}

STARTED: Step = ("run.started", {"ticket": "INC1", "tools": {"itsm.update": "1.0.0 m1"}})
PROPOSED: Step = ("tool.call.proposed", {"call_id": "call-1", "tool": "itsm.update", **KEY})
HELD: Step = ("policy.decided", {**POLICY, "decision_id": "dec-1", "effect": "REQUIRE_HITL"})
QUESTION: Step = (
    "approval.requested",
    {**ASKED, "quorum": 1, "requester_id": "engine", "run_starter_id": "alice", "agent_owner_id": "carol"},
)
VOTE: Step = ("approval.vote_cast", {**ASKED, "voter_id": "bob", "verdict": "approve", "method": "session"}, BOB)
MINUTES: Step = ("metering.human_time_recorded", {"request_id": "req-1", "person_id": "bob", "cost_micros": 500}, BOB)
DECIDED: Step = ("approval.decided", {"request_id": "req-1", "state": "APPROVED", "approvals": 1, "quorum": 1}, BOB)
ALLOWED: Step = ("policy.decided", {**POLICY, "decision_id": "dec-2", "effect": "ALLOW"})
USED: Step = ("approval.consumed", {**ASKED, "approvers": ["bob"]})
INTENT: Step = (
    "tool.call.intent",
    {**CALL, **TOOL, **KEY, "decision_id": "dec-2", "action_digest": "d1", "request_id": "req-1"},
)
PAID: Step = ("metering.usage_settled", {**CALL, "cost_micros": 1500})
DONE: Step = ("tool.call.completed", {**CALL, "tool": "itsm.update", "cost_micros": 1500})
SETTLED: Step = ("run.step_settled", {"step": "write", "call_id": "call-1", "state": "SUCCEEDED"})
CLOSED: Step = ("run.closed", {"state": "SUCCEEDED", "cost_micros": 2000})

GOVERNED: list[Step] = [
    STARTED, PROPOSED, HELD, QUESTION, VOTE, MINUTES, DECIDED, ALLOWED, USED, INTENT, PAID, DONE, SETTLED, CLOSED,
]  # fmt: skip


def but(step: Step, **data: Any) -> Step:
    """The step with other data; None takes a member away."""
    changed = {name: value for name, value in {**step[1], **data}.items() if value is not None}
    return (step[0], changed, *step[2:])  # type: ignore[return-value]


def by(step: Step, kind: str, actor: str) -> Step:
    return (step[0], step[1], {"actor": {"kind": kind, "id": actor, "method": "session"}})


def swapped(old: Step, *new: Step, steps: Sequence[Step] = GOVERNED) -> list[Step]:
    """The run with other steps in the place of one; none leaves it out."""
    at = steps.index(old)
    return [*steps[:at], *new, *steps[at + 1 :]]


def after(step: Step, *more: Step, steps: Sequence[Step] = GOVERNED) -> list[Step]:
    return swapped(step, step, *more, steps=steps)


def before(step: Step, *more: Step, steps: Sequence[Step] = GOVERNED) -> list[Step]:
    return swapped(step, *more, step, steps=steps)


def each(change: Callable[[Step], Step], steps: Sequence[Step] = GOVERNED) -> list[Step]:
    return [change(step) for step in steps]
