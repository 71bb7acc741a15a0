"""Votes that a passkey signed: the operator cannot make them up, as long as the keys are pinned outside the bundle.

A vote that says that a passkey signed it comes behind the event `step_up.proved` of the same person for the same
action, which holds what was signed. Whose key that is, only the trust file can say (`approvers`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evidence.verify import layout, passkey
from evidence.verify.dossier import Dossier
from evidence.verify.envelope import Event
from evidence.verify.findings import Assurance
from evidence.verify.passkey import Assertion
from evidence.verify.rules_of_approvals import CONSUMED, VOTE
from evidence.verify.tale import Tale, text, texts

PROVED = "step_up.proved"
PASSKEY = "passkey"


@dataclass(frozen=True)
class Signed:
    """A yes on `line` that says that a passkey signed it; `assertion` None where what it signed is not here."""

    line: int
    voter: str
    request: str
    assertion: Assertion | None


def check_passkeys(dossier: Dossier, tales: Iterable[Tale]) -> None:
    """What passkeys signed holds; whose they are is what the trust file says."""
    tales = list(tales)
    before = len(dossier.report.failures)
    votes = [vote for tale in tales if tale.from_start for vote in _votes(dossier, tale)]
    sound = len(dossier.report.failures) == before
    pinned = [vote for vote in votes if sound and _is_pinned(dossier, vote)]
    if len(dossier.report.failures) > before or not votes:
        return
    if len(pinned) < len(votes):
        message = f"{len(votes) - len(pinned)} votes by passkeys that are not pinned: they are the operator's word"
        dossier.report.skip("APPROVERS", layout.EVENTS, message)
        return
    dossier.report.passed("APPROVERS", layout.EVENTS, f"pinned passkeys of approvers signed {len(pinned)} votes")
    if _all_used_are_signed(tales, pinned) and dossier.report.assurance == Assurance.A3:
        dossier.report.assurance = Assurance.A4


def _votes(dossier: Dossier, tale: Tale) -> Iterator[Signed]:
    proofs: dict[tuple[str, str], Assertion] = {}
    for line, event in tale.of(PROVED, VOTE):
        if event.type == PROVED and text(event, "method") == PASSKEY:
            found = _proof(dossier, event, line)
            if found is not None:
                proofs[text(event, "user_id"), text(event, "action_digest")] = found
        elif event.type == VOTE and text(event, "step_up") == PASSKEY and text(event, "verdict") == "approve":
            voter = text(event, "voter_id")
            proof = proofs.pop((voter, text(event, "action_digest")), None)
            yield Signed(line, voter, text(event, "request_id"), proof)


def _proof(dossier: Dossier, event: Event, line: int) -> Assertion | None:
    """None for one that is not good, and for one of a kind that is not known here."""
    assertion = passkey.read(event.data.get("assertion", ""))
    if assertion is None:
        dossier.fail("APPROVAL-SIG", f"{layout.EVENTS}:{line}", "what the passkey signed is not here")
        return None
    if not passkey.is_known(assertion.public_key):
        return None
    fault = passkey.fault(assertion, text(event, "action_digest"))
    if fault:
        dossier.fail("APPROVAL-SIG", f"{layout.EVENTS}:{line}", f"what the passkey signed {fault}")
        return None
    return assertion


def _is_pinned(dossier: Dossier, vote: Signed) -> bool:
    approver = dossier.question.trust.approver(vote.voter) if dossier.question.trust else None
    if approver is None:
        return False
    signed = vote.assertion
    if signed is None and not all(passkey.is_known(key) for key in approver.keys):
        return False
    if signed is None or signed.rp_id != approver.rp_id or signed.public_key not in approver.keys:
        dossier.fail("APPROVER-KEY", f"{layout.EVENTS}:{vote.line}", f"no pinned key of {vote.voter} signed this vote")
        return False
    return True


def _all_used_are_signed(tales: Iterable[Tale], pinned: Iterable[Signed]) -> bool:
    signed = {(vote.request, vote.voter) for vote in pinned}
    used = [event for tale in tales for _, event in tale.of(CONSUMED)]
    needed = {(text(event, "request_id"), approver) for event in used for approver in texts(event, "approvers")}
    return bool(needed) and needed <= signed
