"""What the verifier says: a closed table of codes, and the one verdict that follows from them."""

import enum
from dataclasses import dataclass, field

from evidence.verify import jcs


class Verdict(enum.IntEnum):
    """The value is the exit code of `interlock-verify`."""

    VERIFIED = 0
    TAMPERED = 1
    USAGE = 2
    UNTRUSTED = 3
    INCOMPLETE = 4
    MALFORMED = 5
    EQUIVOCATION = 6
    RULE_VIOLATION = 7
    REPLAY_MISMATCH = 8


PRECEDENCE = (
    Verdict.USAGE,
    Verdict.MALFORMED,
    Verdict.EQUIVOCATION,
    Verdict.TAMPERED,
    Verdict.UNTRUSTED,
    Verdict.INCOMPLETE,
    Verdict.RULE_VIOLATION,
    Verdict.REPLAY_MISMATCH,
)

_CODES: dict[Verdict, tuple[str, ...]] = {
    Verdict.MALFORMED: (
        "ZIP-FORMAT", "ZIP-NAME", "ZIP-DUP", "LIMIT", "JSON-FORMAT", "JSON-DUP", "JSON-FLOAT", "JSON-CANON",
        "SCHEMA", "VERSION", "NOTE-FORMAT", "NOTE-EXT", "DSSE-FORMAT",
    ),
    Verdict.EQUIVOCATION: ("EQUIVOCATION",),
    Verdict.TAMPERED: (
        "FILE-DIGEST", "FILE-ADDED", "FILE-REMOVED", "BAG-DIGEST", "DSSE-SIG", "NOTE-SIG", "ORIGIN", "CROSS-TENANT",
        "RUN-ID", "EVENT-EDITED", "DUP-EVENT", "ORDER", "INCLUSION", "CHAIN", "RUN-CHAIN", "RUN-ROOT", "COUNT",
        "CONSISTENCY", "CP-ORDER", "TIME-BACKWARDS", "DISCLOSURE", "REPORT-DRIFT", "ANCHOR-BAD",
        "APPROVAL-SIG",
    ),
    Verdict.UNTRUSTED: (
        "TRUST-NONE", "ROOT-KEY", "DSSE-KEY", "NOTE-KEY", "KEYRING-OLD", "KEY-REVOKED", "KEY-PERIOD", "KEY-SCOPE",
        "TIME-FUTURE", "WITNESS-QUORUM", "APPROVER-KEY",
    ),
    Verdict.INCOMPLETE: (
        "MISSING-FILE", "RUN-GAP", "RUN-COUNT", "RUN-OPEN", "POPULATION-GAP", "APPROVAL-MISSING", "APPROVAL-OPEN",
        "STALE", "MISSING-PROOF", "ERASED-UNEXPLAINED", "PRUNED-EARLY", "CLOCK-SKEW", "DANGLING-INTENT", "SKIPPED",
    ),
    Verdict.RULE_VIOLATION: (
        "RULE-SOD", "RULE-TOCTOU", "RULE-EFFECT", "RULE-DENIED", "RULE-POLICY", "RULE-BUNDLE", "RULE-QUORUM",
        "RULE-VOTE", "RULE-SHOWN", "RULE-HUMAN", "RULE-ONCE", "RULE-REFUSED", "RULE-INTENT", "RULE-PROPOSED",
        "RULE-PIN", "RULE-COST", "RULE-STEPUP", "RULE-ROLES", "RULE-RIGHT",
    ),
}  # fmt: skip

CODES: dict[str, Verdict] = {code: verdict for verdict, codes in _CODES.items() for code in codes}


class Assurance(enum.IntEnum):
    """How far the evidence reaches: A0 integrity only, A1 trusted signature, A2 trusted time, A3 remembered head or
    enough witnesses, A4 that besides the pinned passkeys of the approvers signed every approval that was used."""

    A0 = 0
    A1 = 1
    A2 = 2
    A3 = 3
    A4 = 4


@dataclass(frozen=True)
class Finding:
    """One line of the report. `outcome` is PASS, FAIL or SKIP; `where` is `file` or `file:line`."""

    code: str
    outcome: str
    where: str
    message: str

    def line(self) -> str:
        return f"EVB-{self.code:<15} {self.outcome:<4}  {self.where} {self.message}"


@dataclass
class Report:
    """Findings in the order of the checks, and the figures of the verdict line."""

    findings: list[Finding] = field(default_factory=list)
    assurance: Assurance = Assurance.A0
    events: int = 0
    events_claimed: int = 0
    disclosed: int = 0
    redacted: int = 0
    erased: int = 0
    pruned: int = 0
    kind: str = ""
    origin: str = ""
    note: str = ""
    conflicting_notes: list[str] = field(default_factory=list)

    def fail(self, code: str, where: str, message: str) -> None:
        if code not in CODES:
            raise LookupError(f"{code} is not a finding code")
        self.findings.append(Finding(code, "FAIL", where, message))

    def passed(self, check: str, where: str, message: str) -> None:
        self.findings.append(Finding(check, "PASS", where, message))

    def skip(self, check: str, where: str, message: str) -> None:
        self.findings.append(Finding(check, "SKIP", where, message))

    @property
    def failures(self) -> list[str]:
        return [finding.code for finding in self.findings if finding.outcome == "FAIL"]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict among the failures, by precedence; VERIFIED only when nothing failed."""
        present = {CODES[code] for code in self.failures}
        return next((verdict for verdict in PRECEDENCE if verdict in present), Verdict.VERIFIED)

    def text(self) -> str:
        """One line per finding, then the verdict line."""
        lines = [finding.line() for finding in self.findings]
        lines += [f"--- conflicting note ---\n{note}" for note in self.conflicting_notes]
        return "\n".join([*lines, self.verdict_line()]) + "\n"

    def verdict_line(self) -> str:
        return (
            f"VERDICT {self.verdict.name} exit={int(self.verdict)} assurance={self.assurance.name}"
            f" events={self.events}/{self.events_claimed} disclosed={self.disclosed}"
            f" redacted={self.redacted} erased={self.erased} pruned={self.pruned}"
        )

    def json(self) -> bytes:
        """The same report as canonical JSON (RFC 8785)."""
        return jcs.dumps(
            {
                "v": 1,
                "verdict": self.verdict.name,
                "exit": int(self.verdict),
                "assurance": self.assurance.name,
                "kind": self.kind,
                "origin": self.origin,
                "events": self.events,
                "events_claimed": self.events_claimed,
                "disclosed": self.disclosed,
                "redacted": self.redacted,
                "erased": self.erased,
                "pruned": self.pruned,
                "note": self.note,
                "conflicting_notes": list(self.conflicting_notes),
                "findings": [vars(finding) for finding in self.findings],
            }
        )
