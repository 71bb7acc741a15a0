"""Bundles of periods and of approvals: what is left out, put in, or changed."""

from collections.abc import Callable

from evidence.verify import dsse, jcs, layout, merkle, note
from evidence.verify.envelope import event_hash, parse_leaf
from evidence.verify.findings import CODES, Verdict
from tests.unit.evidence.corpus import Attempt, attack
from tests.unit.evidence.forge import NOW, STEPS, Kit, Log, body, chain, root_over, signer, unsealed
from tests.unit.evidence.forge_kinds import Approval, Period, diary, loose, up_to
from tests.unit.evidence.governed import (
    DECIDED,
    DONE,
    GOVERNED,
    HELD,
    INTENT,
    QUESTION,
    USED,
    VOTE,
    after,
    before,
    but,
    swapped,
)

OPEN = unsealed([("run.started", {}), ("test.noted", {})], of="run-2")


def period(name: str, *codes: str) -> Callable[[Callable[[], Attempt]], Callable[[], Attempt]]:
    expected = CODES[codes[0]] if codes else Verdict.VERIFIED
    return attack(f"period: {name}", expected, *codes)


def shown(name: str, make: Callable[[], Kit], *codes: str) -> None:
    """The honest bundle of that log."""

    def attempt() -> Attempt:
        kit = make()
        return kit.bundle(), kit.ask()

    attack(name, CODES[codes[0]] if codes else Verdict.VERIFIED, *codes)(attempt)


shown("period: part of a log", Period)
shown("period: a log from its first leaf", lambda: Period(begin=0))
shown("period: signed heads in between", lambda: Period(heads=(4, 7)))
shown("period: one leaf", lambda: Period(begin=5, end=6))
shown("period: a run that began before and one that goes on", lambda: Period(begin=4, end=8))
shown("period: a governed run", lambda: Period(diary(chain(GOVERNED))))
shown("period: half a governed run", lambda: Period(diary(chain(GOVERNED)), begin=12))
shown(
    "period: the policy of a run and its activation",
    lambda: Period(
        [loose(9, "policy.activated", environment_id="env-1", seq=4, bundle_sha256="b4"), *diary(chain(GOVERNED))],
        begin=0,
    ),
)
shown(
    "period: another policy was activated under that number",
    lambda: Period(
        [loose(9, "policy.activated", environment_id="env-1", seq=4, bundle_sha256="bX"), *diary(chain(GOVERNED))],
        begin=0,
    ),
    "RULE-BUNDLE",
)
shown("period: a rule is broken in one of the runs", lambda: Period(diary(chain(swapped(VOTE)))), "RULE-VOTE")
shown(
    "period: a sealed run with a call that nothing is told of",
    lambda: Period(diary(chain(swapped(DONE)))),
    "DANGLING-INTENT",
)
shown(
    "period: an open run may have a call under way",
    lambda: Period(diary(second=unsealed(GOVERNED[: GOVERNED.index(INTENT) + 1], of="run-2"))),
)


@period("50 a whole run is left out", "POPULATION-GAP")
def _() -> Attempt:
    kit = Period(begin=0)
    return kit.without(4, 9), kit.ask()


@period("50b an event of no run is left out", "POPULATION-GAP")
def _() -> Attempt:
    kit = Period()
    return kit.without(5), kit.ask()


@period("50c the end is left out", "POPULATION-GAP")
def _() -> Attempt:
    kit = Period()
    return kit.without(kit.end - 1), kit.ask()


@period("50d the beginning is left out", "POPULATION-GAP")
def _() -> Attempt:
    kit = Period()
    return kit.without(1, frontier=kit.frontier(2)), kit.ask()


@period("50e it claims to begin where no head was signed", "POPULATION-GAP")
def _() -> Attempt:
    kit = Period()
    return kit.bundle(notes=[kit.note(kit.end)]), kit.ask()


@period("50f a run has a gap", "POPULATION-GAP", "RUN-GAP", "RUN-COUNT")
def _() -> Attempt:
    kit = Period()
    return kit.without(3, 6), kit.ask()


@period("50g half of a run was never in the log", "RUN-GAP", "RUN-COUNT")
def _() -> Attempt:
    bodies = diary()
    kit = Period([one for one in bodies if b'"id":"event-3"' not in one])
    return kit.bundle(), kit.ask()


@period("a leaf without its event", "COUNT", "POPULATION-GAP")
def _() -> Attempt:
    kit = Period()
    return kit.bundle(leaves=kit.log.leaves[1:-1]), kit.ask()


@period("an event without its leaf", "COUNT")
def _() -> Attempt:
    kit = Period()
    return kit.bundle(events=[*kit.bodies[1:], loose(77)]), kit.ask()


@period("an event is edited", "EVENT-EDITED")
def _() -> Attempt:
    kit = Period()
    bodies = [one.replace(b'{"size":2}', b'{"size":9}') for one in kit.bodies]
    return kit.bundle(events=bodies[1:]), kit.ask()


@period("an event of a run is edited with its leaf", "INCLUSION", "CHAIN", "RUN-CHAIN", "RUN-ROOT")
def _() -> Attempt:
    kit = Period()
    bodies = [one.replace(b'"step":"write"', b'"step":"wrote"') for one in kit.bodies]
    log = Log()
    log.leaves = list(kit.log.leaves)
    at = next(index for index in kit.indices if bodies[index] != kit.bodies[index])
    leaf = jcs.loads_object(log.leaves[at])
    log.leaves[at] = jcs.dumps({**leaf, "e": event_hash(bodies[at]).hex()})
    return kit.bundle(events=bodies[1:], leaves=log.leaves[1:]), kit.ask()


@period("the last event is edited with its leaf", "INCLUSION")
def _() -> Attempt:
    kit = Period()
    forged = loose(3, size=99)
    leaf = jcs.dumps({**jcs.loads_object(kit.log.leaves[-1]), "e": event_hash(forged).hex()})
    return kit.bundle(events=[*kit.bodies[1:-1], forged], leaves=[*kit.log.leaves[1:-1], leaf]), kit.ask()


@period("two events change places", "EVENT-EDITED")
def _() -> Attempt:
    kit = Period()
    bodies = list(kit.bodies)
    bodies[1], bodies[5] = bodies[5], bodies[1]
    return kit.bundle(events=bodies[1:]), kit.ask()


@period("two leaves change places", "ORDER", "POPULATION-GAP", "TIME-BACKWARDS", "EVENT-EDITED")
def _() -> Attempt:
    kit = Period()
    leaves = list(kit.log.leaves)
    leaves[5], leaves[6] = leaves[6], leaves[5]
    return kit.bundle(leaves=leaves[1:]), kit.ask()


@period("a leaf stands twice", "ORDER", "DUP-EVENT")
def _() -> Attempt:
    kit = Period()
    events, leaves = list(kit.bodies[1:]), list(kit.log.leaves[1:])
    return kit.bundle(events=[events[0], *events], leaves=[leaves[0], *leaves]), kit.ask()


@period("leaves behind the signed head", "INCLUSION")
def _() -> Attempt:
    kit = Period()
    shorter = kit.end - 1
    return kit.bundle(notes=[kit.note(1), kit.note(shorter)], consistency=kit.links((1, shorter))), kit.ask()


@period("another tree before it", "CONSISTENCY")
def _() -> Attempt:
    kit = Period(begin=3)
    return kit.bundle(frontier=[merkle.leaf_hash(b"x"), merkle.leaf_hash(b"y")]), kit.ask()


@period("a tree of another size before it", "CONSISTENCY")
def _() -> Attempt:
    kit = Period(begin=3)
    return kit.bundle(frontier=kit.frontier(1)), kit.ask()


@period("a head in between is of another log's tree", "INCLUSION", "CONSISTENCY")
def _() -> Attempt:
    kit, other = Period(heads=(4,)), Period(diary(chain([("run.started", {"ticket": "INC9"}), *STEPS[1:]])))
    notes = [kit.note(1), other.note(4), kit.note(kit.end)]
    return kit.bundle(notes=notes, consistency={**kit.links((1, kit.end)), (1, 4): [], (4, kit.end): []}), kit.ask()


@period("no frontier", "MISSING-FILE")
def _() -> Attempt:
    kit = Period()
    return kit.resigned(lambda members: members.pop(layout.FRONTIER)), kit.ask()


@period("a frontier that is none", "SCHEMA")
def _() -> Attempt:
    kit = Period()
    return kit.resigned(lambda members: members.update({layout.FRONTIER: b'{"peaks":"none"}'})), kit.ask()


@period("a frontier with another member", "SCHEMA")
def _() -> Attempt:
    kit = Period()
    return kit.resigned(lambda members: members.update({layout.FRONTIER: b'{"peaks":[],"size":0}'})), kit.ask()


@period("the leaves of another log", "CROSS-TENANT")
def _() -> Attempt:
    kit = Period()
    own, kit.log.origin = kit.log.origin, kit.log.origin.replace("itsm", "hr")
    kit.log.leaves.clear()
    for one in kit.bodies:
        kit.log.add(event_hash(one))
    kit.log.origin = own
    return kit.bundle(), kit.ask()


@period("the events of another log", "CROSS-TENANT")
def _() -> Attempt:
    bodies = [one.replace(b"tenant-a", b"tenant-b") if b"loose" in one else one for one in diary()]
    kit = Period(bodies)
    return kit.bundle(), kit.ask()


@period("leaves that are linked wrongly", "CHAIN")
def _() -> Attempt:
    kit = Period()
    last = jcs.loads_object(kit.log.leaves[-1])
    kit.log.leaves[-1] = jcs.dumps({**last, "p": "00" * 32})
    return kit.bundle(), kit.ask()


@period("a later leaf with an earlier time", "TIME-BACKWARDS")
def _() -> Attempt:
    kit = Period()
    hashes = [parse_leaf(leaf).event_hash for leaf in kit.log.leaves]
    kit.log.leaves.clear()
    for index, hashed in enumerate(hashes):
        kit.log.add(hashed, NOW + (50 if index == 3 else index + 10))
    return kit.bundle(), kit.ask()


@period("a run names another predecessor", "RUN-CHAIN")
def _() -> Attempt:
    kit = Period(diary(second=[OPEN[0], body(2, b"o" * 32, {}, of="run-2")]))
    return kit.bundle(), kit.ask()


@period("a seal over other events", "RUN-ROOT")
def _() -> Attempt:
    bodies = chain(STEPS)[:-1]
    sealed = {"count": 4, "root": root_over(bodies[:3])}
    kit = Period(diary([*bodies, body(5, event_hash(bodies[-1]), sealed, type="run.sealed")]))
    return kit.bundle(), kit.ask()


@period("a page that counts otherwise", "REPORT-DRIFT")
def _() -> Attempt:
    kit = Period()
    return kit.resigned(lambda members: members.update({layout.REPORT: b"<p>all is well</p>"})), kit.ask()


@period("a remembered head inside it")
def _() -> Attempt:
    kit = Period()
    return kit.bundle(), kit.ask(kit.note(6))


@period("the head before it is remembered")
def _() -> Attempt:
    kit = Period()
    return kit.bundle(), kit.ask(kit.note(1))


@period("the head at its end is remembered")
def _() -> Attempt:
    kit = Period()
    return kit.bundle(), kit.ask(kit.note(kit.end))


@period("an older head is remembered, with proof")
def _() -> Attempt:
    kit = Period(begin=4)
    return kit.bundle(consistency=kit.links((4, kit.end), (2, kit.end))), kit.ask(kit.note(2))


@period("an older head is remembered, without proof", "MISSING-PROOF")
def _() -> Attempt:
    kit = Period(begin=4)
    return kit.bundle(), kit.ask(kit.note(2))


@period("a later head is remembered", "STALE")
def _() -> Attempt:
    kit = Period(end=8)
    return kit.bundle(), kit.ask(kit.note(9))


@period("all is rewritten, and a signed head inside is remembered", "EQUIVOCATION")
def _() -> Attempt:
    kit, other = Period(), Period(diary(chain([("run.started", {"ticket": "INC9"}), *STEPS[1:]])))
    return other.bundle(), kit.ask(kit.note(6))


@period("all is rewritten, and a head inside is remembered that nobody signed", "CONSISTENCY")
def _() -> Attempt:
    kit, other = Period(), Period(diary(chain([("run.started", {"ticket": "INC9"}), *STEPS[1:]])))
    return other.bundle(), kit.ask(kit.note(6, signer()))


@period("all is rewritten with all keys, and nothing remembered: the known limit, said as A1")
def _() -> Attempt:
    kit = Period(diary(chain([("run.started", {"ticket": "INC9"}), *STEPS[1:]])))
    return kit.bundle(), kit.ask()


@period("a run's proof does not serve as one", "SCHEMA")
def _() -> Attempt:
    kit = Kit()
    return kit.restated(kind="period"), kit.ask()


# --- approvals -------------------------------------------------------------------------------------------------

TAKEN_BACK = ("approval.voided", {"request_id": "req-1", "call_id": "call-1", "reason": "superseded"})
NO = [*GOVERNED[: GOVERNED.index(VOTE)], but(VOTE, verdict="reject"), but(DECIDED, state="REJECTED")]

shown("approval: asked, answered and used", Approval)
shown("approval: decided, not used yet", lambda: up_to(DECIDED))
shown("approval: rejected", lambda: up_to(NO[-1], NO))
shown("approval: taken back", lambda: up_to(TAKEN_BACK, after(QUESTION, TAKEN_BACK)))
shown("approval: cut behind the intent, whose outcome lies beyond", lambda: up_to(INTENT))
shown("approval: nobody has answered yet", lambda: up_to(VOTE), "APPROVAL-OPEN")
shown("approval: cut before the question", lambda: up_to(HELD), "APPROVAL-MISSING")
shown("approval: the approver never voted", lambda: up_to(USED, swapped(VOTE)), "RULE-VOTE")
shown(
    "approval: used before it was decided",
    lambda: up_to(DECIDED, before(DECIDED, USED, steps=swapped(USED))),
    "RULE-REFUSED",
)


def approval(name: str, *codes: str) -> Callable[[Callable[[], Attempt]], Callable[[], Attempt]]:
    return attack(f"approval: {name}", CODES[codes[0]], *codes)


@approval("of another request", "APPROVAL-MISSING")
def _() -> Attempt:
    kit = Approval()
    return kit.bundle(request="req-2"), kit.ask()


@approval("relabelled as that of another run", "RUN-ID")
def _() -> Attempt:
    kit = Approval()
    return kit.bundle(run="run-2"), kit.ask()


@approval("an event in between is left out", "RUN-GAP")
def _() -> Attempt:
    kit = Approval()
    keep = [position for position in range(kit.length) if position != 5]
    leaves = [kit.log.leaves[kit.indices[position]] for position in keep]
    return kit.bundle(events=[kit.bodies[position] for position in keep], leaves=leaves), kit.ask()


@approval("the vote is edited", "EVENT-EDITED", "RUN-CHAIN", "RULE-VOTE", "RULE-HUMAN")
def _() -> Attempt:
    kit = Approval()
    bodies = [one.replace(b'"voter_id":"bob"', b'"voter_id":"dave"') for one in kit.bodies]
    return kit.bundle(events=bodies[: kit.length]), kit.ask()


@approval("without the name of the request", "SCHEMA")
def _() -> Attempt:
    kit = Approval()
    return kit.restated(request=None), kit.ask()


@approval("a run's statement with a request", "SCHEMA")
def _() -> Attempt:
    kit = Kit()
    return kit.restated(request="req-1"), kit.ask()


@approval("of a key nobody knows", "NOTE-KEY")
def _() -> Attempt:
    kit = Approval()
    return kit.bundle(notes=[note.sign(kit.log.head(size), signer()) for size in kit.sizes]), kit.ask()


@approval("sealed by a stranger", "DSSE-SIG")
def _() -> Attempt:
    kit = Approval()
    members = kit.members()
    members[layout.STATEMENT] = members[layout.STATEMENT].replace(*_other_signature(members[layout.STATEMENT]))
    return kit.rebagged(members), kit.ask()


def _other_signature(sealed: bytes) -> tuple[bytes, bytes]:
    envelope = jcs.loads_object(sealed)
    signature = envelope["signatures"][0]["sig"]  # type: ignore[index,call-overload]
    payload = dsse.unb64(envelope["payload"])
    strange = jcs.loads_object(dsse.seal(str(envelope["payloadType"]), payload, signer()))
    return str(signature).encode(), str(strange["signatures"][0]["sig"]).encode()  # type: ignore[index,call-overload]
