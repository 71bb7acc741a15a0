"""Whatever is changed about a bundle at random, it is never accepted silently. `make test-mutations` tries them all."""

import os

import pytest

from evidence.verify.findings import Assurance, Verdict
from evidence.verify.verifier import verify
from tests.conformance.mutations import EVERY, try_many
from tests.unit.evidence.corpus import rewritten
from tests.unit.evidence.forge import Kit

MUTATIONS = int(os.environ.get("MUTATIONS", "12000"))


@pytest.mark.parametrize("seed", range(4))
def test_no_random_change_is_accepted_silently(seed: int) -> None:
    seen = try_many(seed, 8 * len(EVERY) * 4 // 2)
    assert seen.accepted == []
    assert {"MALFORMED", "TAMPERED", "UNTRUSTED", "INCOMPLETE"} <= set(seen.verdicts), seen.verdicts


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_none_of_ten_thousand_changes_is_accepted_silently() -> None:
    seen = try_many(20261121, MUTATIONS)
    print(f"\n{seen.count} mutations of bundles: {seen.verdicts}, accepted silently: {len(seen.accepted)}")  # noqa: T201
    assert (seen.count, seen.accepted) == (MUTATIONS, [])


def test_who_kept_nothing_and_meets_all_keys_is_told_how_little_that_proves() -> None:
    kit = Kit()
    report = verify(rewritten(kit).bundle(), kit.ask())
    told = {(finding.code, finding.outcome) for finding in report.findings}
    assert (report.verdict, report.assurance) == (Verdict.VERIFIED, Assurance.A1)
    assert ("KNOWN", "SKIP") in told
    assert "a rewrite by the operator would not show" in report.text()
