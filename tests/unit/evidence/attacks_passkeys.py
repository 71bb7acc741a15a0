"""Votes that a passkey signed: whose it was, what it signed, and what else they may hang on."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.bundling import Material
from evidence.verify.dossier import Question
from evidence.verify.findings import CODES, Verdict
from evidence.verify.trust import Approver
from tests.unit.evidence.corpus import Attempt, attack
from tests.unit.evidence.forge import DAY, NOW, Kit, Step, chain
from tests.unit.evidence.forge_kinds import Period, diary, loose
from tests.unit.evidence.governed import DECIDED, GOVERNED, QUESTION, USED, VOTE, but, by, swapped
from tests.unit.evidence.softkey import SoftKey, b64url

KEY = SoftKey()
EDDSA = SoftKey("ed", Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"bob's other key").digest()))
STRANGE = bytes.fromhex("a50102033822")
ASKED_HIGH = but(QUESTION, tier="critical")
SIGNED = but(VOTE, step_up="passkey")
STAND_IN = but(SIGNED, right_of="dora")


def proved(assertion: Any, *, person: str = "bob", **changes: Any) -> Step:
    """`step_up.proved`, as it stands before the vote."""
    told = {"step_up_id": "s-1", "user_id": person, "method": "passkey", "action_digest": "d1", "assertion": assertion}
    actor = {"actor": {"kind": "human", "id": person, "method": "session"}}
    return ("step_up.proved", {**told, **changes}, actor)


def voted(*proofs: Step, vote: Step = SIGNED) -> list[Step]:
    """A governed run of the highest tier in which these proofs came before the vote."""
    steps = swapped(VOTE, *proofs, vote)
    return [ASKED_HIGH if step is QUESTION else step for step in steps]


def asked(kit: Kit, *pinned: Approver, **changes: Any) -> Question:
    """By an auditor who remembers a head and has the keys of these people from themselves."""
    return replace(kit.ask(kit.note(kit.sizes[-1])), trust=replace(kit.trust, approvers=pinned), **changes)


def case(name: str, steps: Sequence[Step], *codes: str, pinned: Sequence[Approver] = (KEY.pinned(),)) -> None:
    def make() -> Attempt:
        kit = Kit(chain(steps))
        return kit.bundle(disclosures=[]), asked(kit, *pinned)

    attack(f"passkeys: {name}", CODES[codes[0]] if codes else Verdict.VERIFIED, *codes)(make)


def spoiled(name: str, **changes: Any) -> None:
    case(name, voted(proved(KEY.assertion("d1", **changes))), "APPROVAL-SIG")


GOOD = proved(KEY.assertion("d1"))


@dataclass
class Voted(Kit):
    """A run whose approver signed the action, asked about by somebody who has the key from them."""

    bodies: list[bytes] = field(default_factory=lambda: chain(voted(GOOD)))

    def material(self, **changes: Any) -> Material:
        return super().material(**{"disclosures": [], **changes})

    def ask(self, *known: str, at_ms: int = NOW + DAY, **changes: Any) -> Question:
        return super().ask(*known, at_ms=at_ms, **{"approvers": (KEY.pinned(),), **changes})


case("the pinned key of the approver signed the action", voted(GOOD))
case("an Ed25519 key", voted(proved(EDDSA.assertion("d1"))), pinned=[EDDSA.pinned()])
case(
    "a site below the one that the key is bound to",
    voted(proved(KEY.assertion("d1", client={"origin": "https://eu.interlock.test:8443"}))),
)
case("a browser that adds a member", voted(proved(KEY.assertion("d1", client={"other_keys_can_be_added_here": "x"}))))
case("nobody's key is pinned", voted(GOOD), pinned=[])
case("the keys of others are pinned", voted(GOOD), pinned=[KEY.pinned("dave")])
case(
    "a kind of key that is not known here",
    voted(proved(KEY.assertion("d1", public_key=b64url(STRANGE)))),
    pinned=[Approver("bob", "interlock.test", (STRANGE,))],
)

case(
    "53 the operator makes up an approval with a key of its own",
    voted(proved(SoftKey("operator").assertion("d1"))),
    "APPROVER-KEY",
)
case("the key is pinned for another site", voted(GOOD), "APPROVER-KEY", pinned=[KEY.pinned(rp_id="other.test")])
case("the proof is of somebody else", voted(proved(KEY.assertion("d1"), person="dave")), "APPROVER-KEY")
case("there is no proof", voted(), "APPROVER-KEY")
case("the proof is of another action", voted(proved(KEY.assertion("d2"), action_digest="d2")), "APPROVER-KEY")
case("one proof for two votes", voted(GOOD, SIGNED), "APPROVER-KEY")

case("what was signed is another action", voted(proved(KEY.assertion("d2"))), "APPROVAL-SIG")
case("what was signed is left out", voted(proved("")), "APPROVAL-SIG")
case("a word is missing in what was signed", voted(proved({"public_key": "AA"})), "APPROVAL-SIG")
case("not base64url", voted(proved(KEY.assertion("d1", signature="AA=="))), "APPROVAL-SIG")
case("not base64url in its one spelling", voted(proved(KEY.assertion("d1", signature="AB"))), "APPROVAL-SIG")
spoiled("the person was there and not verified", flags=0x01)
spoiled("the person was verified and not there", flags=0x04)
spoiled("a key was registered, nothing was signed", client={"type": "webauthn.create"})
spoiled("the page of another site", client={"origin": "https://interlock.test.evil.test"})
spoiled("an origin that is none", client={"origin": "interlock.test"})
spoiled("inside the page of somebody else", client={"crossOrigin": True})
spoiled("what the browser says is no JSON", client_data_json=b64url(b"{"))
spoiled("what the browser says is a list", client_data_json=b64url(b"[]"))
spoiled("the authenticator is bound to another site", authenticator_data=b64url(bytes(32) + b"\x05" + bytes(4)))
spoiled(
    "the authenticator says too little", authenticator_data=b64url(hashlib.sha256(b"interlock.test").digest() + b"\x05")
)
spoiled("the signature of other bytes", signature=b64url(KEY.sign(b"other")))
spoiled("a signature that is none", signature=b64url(b"\x30\x02\x02\x00"))
spoiled("a signature with a number too many", signature=b64url(b"\x30\x09\x02\x01\x01\x02\x01\x01\x02\x01\x01"))
spoiled(
    "a signature whose numbers are not in their shortest form",
    signature=b64url(b"\x30\x08\x02\x02\x00\x01\x02\x02\x00\x01"),
)
case(
    "an Ed25519 signature of other bytes",
    voted(proved(EDDSA.assertion("d1", signature=b64url(EDDSA.sign(b"other"))))),
    "APPROVAL-SIG",
    pinned=[EDDSA.pinned()],
)


def ruled(name: str, steps: Sequence[Step], *codes: str) -> None:
    def make() -> Attempt:
        kit = Kit(chain(steps))
        return kit.bundle(disclosures=[]), kit.ask()

    attack(f"rules: {name}", CODES[codes[0]] if codes else Verdict.VERIFIED, *codes)(make)


def tiered(tier: str, vote: Step) -> list[Step]:
    return [but(QUESTION, tier=tier) if step is QUESTION else step for step in swapped(VOTE, vote)]


ruled("a high tier with a one-time code", tiered("high", but(VOTE, step_up="totp")))
ruled("a high tier without a second factor", tiered("high", VOTE), "RULE-STEPUP")
ruled("the highest tier with a one-time code", tiered("critical", but(VOTE, step_up="totp")), "RULE-STEPUP")
ruled(
    "a no in the highest tier needs no second factor",
    [*GOVERNED[:3], but(QUESTION, tier="critical"), but(VOTE, verdict="reject"), but(DECIDED, state="REJECTED")],
)


def people(*votes: tuple[str, list[str]], **question: Any) -> list[Step]:
    """Two had to agree; these did, with these roles."""
    cast = [by(but(VOTE, voter_id=name, roles=roles), "human", name) for name, roles in votes]
    used = but(USED, approvers=[name for name, _ in votes])
    steps = swapped(USED, used, steps=swapped(VOTE, *cast))
    return [but(QUESTION, quorum=2, **question) if step is QUESTION else step for step in steps]


PLACES = {"roles": ["approver", "senior_approver"]}
ruled(
    "two places, filled by those who can",
    people(("bob", ["approver", "senior_approver"]), ("dave", ["approver"]), **PLACES),
)
ruled(
    "two places and nobody for one of them",
    people(("bob", ["approver"]), ("dave", ["approver"]), **PLACES),
    "RULE-ROLES",
)
ruled(
    "one person cannot fill two places",
    people(("bob", ["approver", "senior_approver"]), ("dave", []), **PLACES),
    "RULE-ROLES",
)
ruled("people of different roles", people(("bob", ["approver"]), ("dave", ["senior_approver"]), distinct_roles=True))
ruled("people of one role", people(("bob", ["approver"]), ("dave", ["approver"]), distinct_roles=True), "RULE-ROLES")


def rights(*votes: tuple[str, str]) -> list[Step]:
    cast = [by(but(VOTE, voter_id=name, right_of=of or None), "human", name) for name, of in votes]
    return swapped(USED, but(USED, approvers=[name for name, _ in votes]), steps=swapped(VOTE, *cast))


ruled("somebody stands in for another", rights(("bob", "dora")))
ruled("one right serves two", rights(("bob", "dora"), ("dave", "dora")), "RULE-RIGHT")
ruled("the principal votes as well", rights(("bob", "dora"), ("dora", "")), "RULE-RIGHT")
ruled("the right of somebody who may not decide", rights(("bob", "alice")), "RULE-RIGHT")


def named(name: str, *told: bytes, codes: Sequence[str] = (), begin: int = 0) -> None:
    """A whole log in which these events come before a run with a stand-in's vote."""

    def make() -> Attempt:
        kit = Period([*told, *diary(chain(rights(("bob", "dora"))))], begin=begin)
        return kit.bundle(), kit.ask()

    attack(f"rules: {name}", CODES[codes[0]] if codes else Verdict.VERIFIED, *codes)(make)


PAIR = {"delegation_id": "del-1", "principal_id": "dora", "stand_in_id": "bob"}
NAMED = loose(20, "approval.delegated", **PAIR)
named("the stand-in was named", NAMED)
named("the stand-in was never named", codes=["RULE-RIGHT"])
named(
    "the stand-in of somebody else",
    loose(20, "approval.delegated", **{**PAIR, "principal_id": "dave"}),
    codes=["RULE-RIGHT"],
)
named("the standing in had ended", NAMED, loose(21, "approval.delegation_ended", **PAIR), codes=["RULE-RIGHT"])
named(
    "the stand-in was named again",
    NAMED,
    loose(21, "approval.delegation_ended", **PAIR),
    loose(22, "approval.delegated", **{**PAIR, "delegation_id": "del-2"}),
)
named("who named the stand-in lies before the period", NAMED, begin=1)
