"""Governance: runs in which one thing is not as it must be. The signatures are all in order."""

from evidence.verify.findings import CODES, Verdict
from tests.unit.evidence.corpus import Attempt, attack
from tests.unit.evidence.forge import Kit, Step, chain
from tests.unit.evidence.governed import (
    ALLOWED,
    ASKED,
    BOB,
    CALL,
    CLOSED,
    DECIDED,
    DONE,
    GOVERNED,
    HELD,
    INTENT,
    MINUTES,
    PAID,
    POLICY,
    PROPOSED,
    QUESTION,
    STARTED,
    USED,
    VOTE,
    after,
    before,
    but,
    by,
    each,
    swapped,
)


def broken(name: str, code: str, steps: list[Step]) -> None:
    def make() -> Attempt:
        kit = Kit(chain(steps))
        return kit.bundle(disclosures=[]), kit.ask()

    attack(name, CODES[code], code)(make)


def kept(name: str, steps: list[Step]) -> None:
    def make() -> Attempt:
        kit = Kit(chain(steps))
        return kit.bundle(disclosures=[]), kit.ask()

    attack(name, Verdict.VERIFIED)(make)


SECOND = {"attempt": 2}
NOT_SENT: Step = ("tool.call.not_sent", {**CALL, "tool": "itsm.update", "code": "timeout"})
AGAIN = [but(INTENT, **SECOND), but(PAID, attempt=2, cost_micros=0), but(DONE, **SECOND)]
CAROL = by(but(VOTE, voter_id="dave"), "human", "dave")
LATER = {"seq": 5, "bundle_sha256": "b5"}

kept("rules: a governed run in which all is well", GOVERNED)
kept("rules: a call that was not sent is tried again", swapped(DONE, NOT_SENT, *AGAIN))
kept("rules: an unknown outcome that turns out well", before(DONE, ("tool.call.unknown", {**CALL, "code": "lost"})))
kept(
    "rules: a denied call that was never sent",
    [STARTED, PROPOSED, but(HELD, effect="DENY"), ("tool.call.denied", CALL)],
)
kept(
    "rules: an allowed call that nobody had to approve",
    [STARTED, PROPOSED, ALLOWED, but(INTENT, request_id=None), DONE],
)
kept(
    "rules: two had to agree and did",
    [
        but(s, quorum=2) if s is QUESTION else s
        for s in swapped(USED, but(USED, approvers=["bob", "dave"]), steps=before(DECIDED, CAROL))
    ],
)
kept("rules: a newer policy in the middle of a run", each(lambda s: but(s, **LATER) if s is ALLOWED else s))
kept(
    "rules: a rejected question",
    [STARTED, PROPOSED, HELD, QUESTION, but(VOTE, verdict="reject"), but(DECIDED, state="REJECTED")],
)
kept(
    "rules: a cost that is not known yet is not in the total",
    after(DONE, ("metering.usage_settled", {"call_id": "notice", "cost_micros": 7})),
)

broken("50b nothing tells what became of a call", "DANGLING-INTENT", swapped(DONE))
broken("50c the outcome is of another attempt", "DANGLING-INTENT", before(INTENT, but(INTENT, attempt=0)))

broken(
    "56 who started the run approved it",
    "RULE-SOD",
    swapped(
        USED, but(USED, approvers=["alice"]), steps=swapped(VOTE, by(but(VOTE, voter_id="alice"), "human", "alice"))
    ),
)
broken(
    "56c the owner of the agent approved",
    "RULE-SOD",
    swapped(
        USED, but(USED, approvers=["carol"]), steps=swapped(VOTE, by(but(VOTE, voter_id="carol"), "human", "carol"))
    ),
)
broken(
    "56d the requester is among several approvers",
    "RULE-SOD",
    swapped(
        USED,
        but(USED, approvers=["bob", "engine"]),
        steps=after(VOTE, by(but(VOTE, voter_id="engine"), "human", "engine")),
    ),
)

broken("54 what runs is not what was approved", "RULE-TOCTOU", swapped(INTENT, but(INTENT, action_digest="d2")))
broken("54b an approval that was never used", "RULE-TOCTOU", swapped(USED))
broken("54c the approval is used behind the intent", "RULE-TOCTOU", after(INTENT, USED, steps=swapped(USED)))
broken("54d the approval of another request", "RULE-TOCTOU", swapped(INTENT, but(INTENT, request_id="req-9")))

broken("55 two effects under one key", "RULE-EFFECT", after(DONE, *AGAIN))
broken("55b the same effect is reported twice", "RULE-EFFECT", after(DONE, DONE))

broken("56b what was denied ran", "RULE-DENIED", before(INTENT, ("tool.call.denied", {**CALL, "code": "no_grant"})))
broken(
    "56e what was denied at once ran later",
    "RULE-DENIED",
    after(PROPOSED, ("tool.call.denied", {**CALL, "code": "halted"})),
)

broken("rules: no decision in the record", "RULE-POLICY", swapped(ALLOWED))
broken("rules: the decision says deny", "RULE-POLICY", swapped(ALLOWED, but(ALLOWED, effect="DENY")))
broken("rules: the decision still asks for people", "RULE-POLICY", swapped(INTENT, but(INTENT, decision_id="dec-1")))
broken("rules: the decision is about another call", "RULE-POLICY", swapped(ALLOWED, but(ALLOWED, call_id="call-2")))
broken("rules: the decision came behind the intent", "RULE-POLICY", after(INTENT, ALLOWED, steps=swapped(ALLOWED)))
broken("rules: the decision looked back", "RULE-POLICY", swapped(ALLOWED, but(ALLOWED, phase="after")))
broken("rules: a decision without a policy", "RULE-POLICY", swapped(ALLOWED, but(ALLOWED, seq=0, bundle_sha256="")))

broken("rules: two policies under one number", "RULE-BUNDLE", swapped(ALLOWED, but(ALLOWED, bundle_sha256="bX")))
OLDER: Step = (
    "policy.decided",
    {**POLICY, "seq": 3, "bundle_sha256": "b3", "decision_id": "dec-3", "effect": "ALLOW", "call_id": "call-2"},
)
READ = [
    but(PROPOSED, call_id="call-2", idempotency_key="run-1:read"), OLDER,
    but(INTENT, call_id="call-2", idempotency_key="run-1:read", decision_id="dec-3", request_id=None),
    but(DONE, call_id="call-2"),
]  # fmt: skip
broken("rules: a call by a policy that was no longer in force", "RULE-BUNDLE", after(DONE, *READ))
kept("rules: an older policy before a newer one", before(INTENT, *READ))

broken("rules: fewer people than asked for", "RULE-QUORUM", swapped(QUESTION, but(QUESTION, quorum=2)))
broken(
    "rules: one person counted twice",
    "RULE-QUORUM",
    swapped(USED, but(USED, approvers=["bob", "bob"]), steps=swapped(QUESTION, but(QUESTION, quorum=2))),
)
broken("rules: nobody approved", "RULE-QUORUM", swapped(USED, but(USED, approvers=[])))

broken("rules: an approver who never voted", "RULE-VOTE", swapped(VOTE))
broken("rules: an approver who said no", "RULE-VOTE", swapped(VOTE, but(VOTE, verdict="reject")))
broken("rules: a yes to another action", "RULE-VOTE", swapped(VOTE, but(VOTE, action_digest="d2")))
broken("rules: a yes to another request", "RULE-VOTE", swapped(VOTE, but(VOTE, request_id="req-2")))
broken("rules: the vote came when all was over", "RULE-VOTE", after(USED, VOTE, steps=swapped(VOTE)))
broken("rules: a name is added to the approvers", "RULE-VOTE", swapped(USED, but(USED, approvers=["bob", "dave"])))

GIVEN_BACK: Step = ("approval.vote_taken_back", {**ASKED, "voter_id": "bob"}, BOB)
broken("rules: a yes that was taken back", "RULE-VOTE", after(VOTE, GIVEN_BACK))
kept("rules: a yes that was taken back and given again", after(VOTE, GIVEN_BACK, VOTE))
broken(
    "56f somebody whom policy excludes approved",
    "RULE-SOD",
    swapped(QUESTION, but(QUESTION, also_excluded=["dave", "bob"])),
)
broken(
    "rules: a request that was withdrawn is used",
    "RULE-REFUSED",
    before(USED, ("approval.withdrawn", {"request_id": "req-1", "call_id": "call-1"})),
)

broken("rules: the voter was shown something else", "RULE-SHOWN", swapped(VOTE, but(VOTE, display_digest="shown-2")))
broken("rules: what is used was shown otherwise", "RULE-SHOWN", swapped(USED, but(USED, display_digest="shown-2")))

broken("rules: a service votes", "RULE-HUMAN", swapped(VOTE, by(VOTE, "service", "bob")))
broken("rules: an agent votes", "RULE-HUMAN", swapped(VOTE, by(VOTE, "agent", "bob")))
broken("rules: one person votes for another", "RULE-HUMAN", swapped(VOTE, by(VOTE, "human", "mallory")))

broken("rules: an approval is used twice", "RULE-ONCE", after(USED, USED))
broken("rules: an approval is used again later", "RULE-ONCE", after(DONE, USED))

broken("rules: a rejected request is used", "RULE-REFUSED", swapped(DECIDED, but(DECIDED, state="REJECTED")))
broken("rules: an expired request is used", "RULE-REFUSED", swapped(DECIDED, but(DECIDED, state="EXPIRED")))
broken(
    "rules: a request that was taken back is used",
    "RULE-REFUSED",
    before(USED, ("approval.voided", {"request_id": "req-1", "call_id": "call-1", "reason": "superseded"})),
)
broken("rules: a request that nobody decided is used", "RULE-REFUSED", swapped(DECIDED))

broken("rules: an effect that nobody announced", "RULE-INTENT", swapped(INTENT))
broken("rules: the effect stands before its announcement", "RULE-INTENT", before(INTENT, DONE, steps=swapped(DONE)))
broken(
    "rules: the outcome of an attempt that never was",
    "RULE-INTENT",
    after(DONE, ("tool.call.failed", {**CALL, "attempt": 7})),
)

broken("rules: a call that nobody proposed", "RULE-PROPOSED", swapped(PROPOSED))
broken("rules: another tool than proposed", "RULE-PROPOSED", swapped(PROPOSED, but(PROPOSED, tool="itsm.delete")))
broken("rules: another key than proposed", "RULE-PROPOSED", swapped(PROPOSED, but(PROPOSED, idempotency_key="other")))

broken("rules: another version of a tool", "RULE-PIN", swapped(INTENT, but(INTENT, tool_version="1.0.1")))
broken("rules: another manifest of a tool", "RULE-PIN", swapped(INTENT, but(INTENT, manifest_digest="m2")))

broken("rules: a total that hides what a step cost", "RULE-COST", swapped(CLOSED, but(CLOSED, cost_micros=1499)))
broken("rules: a total above what is on record", "RULE-COST", swapped(CLOSED, but(CLOSED, cost_micros=2001)))
broken("rules: a cost that is struck from the record", "RULE-COST", swapped(PAID))
broken("rules: the time of a person is struck from the record", "RULE-COST", swapped(MINUTES))
broken("rules: a total that is no number", "RULE-COST", swapped(CLOSED, but(CLOSED, cost_micros="2000")))
