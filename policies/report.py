"""What a check says about a draft, as one document. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from policies.gate import Finding

MOST_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Report:
    """`findings`: what to change; `tests`: [{name, passed, detail}]; `golden`: [{name, passed, expected, found,
    detail}]; `coverage`: {percent, minimum, uncovered: {module: [[from, to], …]}}; `bundle`: {revision, sha256} of
    what would be signed, None when something is to be changed; `contract`: {bump, before, after, changes}.
    """

    findings: Sequence[Finding] = ()
    tests: Sequence[Mapping[str, Any]] = ()
    golden: Sequence[Mapping[str, Any]] = ()
    coverage: Mapping[str, Any] = field(default_factory=dict)
    contract: Mapping[str, Any] = field(default_factory=dict)
    bundle: Mapping[str, str] | None = None

    @property
    def clean(self) -> bool:
        return not self.findings

    def told(self) -> dict[str, Any]:
        """JSON without floats."""
        return {
            "clean": self.clean,
            "findings": told(self.findings),
            "tests": [dict(test) for test in self.tests],
            "golden": [dict(case) for case in self.golden],
            "coverage": dict(self.coverage),
            "contract": dict(self.contract),
            "bundle": dict(self.bundle) if self.bundle else None,
        }


def told(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) for finding in findings[:MOST_FINDINGS]]
