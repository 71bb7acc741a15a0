"""What each forgery is answered, by which code, with which exit code."""

import pytest

from evidence.verify import dsse, jcs, layout, statement
from evidence.verify.container import unpack
from evidence.verify.findings import CODES, Assurance, Verdict
from evidence.verify.verifier import verify
from tests.unit.evidence.attacks import ATTACKS, Attack
from tests.unit.evidence.corpus import rewritten
from tests.unit.evidence.forge import Kit


@pytest.mark.parametrize("case", ATTACKS, ids=lambda case: case.name)
def test_attack_is_answered(case: Attack) -> None:
    bundle, question = case.make()
    report = verify(bundle, question)
    assert report.verdict is case.verdict, report.text()
    assert set(report.failures) == case.codes, report.text()


def test_an_honest_bundle_verifies() -> None:
    kit = Kit()
    report = verify(kit.bundle(), kit.ask())
    assert (report.verdict, report.assurance, report.failures) == (Verdict.VERIFIED, Assurance.A1, [])
    assert (report.events, report.disclosed, report.redacted) == (5, 1, 1)
    line = "VERDICT VERIFIED exit=0 assurance=A1 events=5/5 disclosed=1 redacted=1 erased=0 pruned=0"
    assert report.verdict_line() == line


def test_a_remembered_head_lifts_the_assurance() -> None:
    kit = Kit()
    report = verify(kit.bundle(), kit.ask(kit.note(kit.sizes[0])))
    assert (report.verdict, report.assurance) == (Verdict.VERIFIED, Assurance.A3)


def test_equivocation_prints_both_notes() -> None:
    kit = Kit()
    remembered = kit.note(kit.sizes[-1])
    report = verify(rewritten(kit).bundle(), kit.ask(remembered))
    assert remembered in report.conflicting_notes
    assert remembered in report.text()


def test_every_code_has_a_vector() -> None:
    answered = set().union(*(verify(*case.make()).failures for case in ATTACKS))
    assert answered == set(CODES)


def test_the_report_is_the_same_bytes_each_time() -> None:
    kit = Kit()
    bundle, question = kit.bundle(), kit.ask()
    assert verify(bundle, question).json() == verify(bundle, question).json()
    assert jcs.loads_object(verify(bundle, question).json())["exit"] == 0


def test_a_keyring_speaks_for_its_scope_only() -> None:
    kit = Kit()
    report = verify(kit.bundle(keyring=kit.ring(scope="ev.test/tenant-b/")), kit.ask())
    assert report.verdict is Verdict.TAMPERED
    assert {"KEY-SCOPE", "ORIGIN"} <= set(report.failures)


def test_a_statement_names_each_file_once() -> None:
    members = unpack(Kit().bundle())
    sealed = dsse.parse(members[layout.STATEMENT], statement.PAYLOAD_TYPE)
    named = statement.parse(sealed.payload).subjects
    assert set(named) == {name for name in members if name.startswith("data/")} - {layout.STATEMENT} | {layout.VERIFY}
