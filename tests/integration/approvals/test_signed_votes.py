"""An approval of the highest tier, from the passkeys of real votes to what an auditor checks without us."""

import json
from collections.abc import Callable
from contextvars import Context
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals.types import State, Tier
from controlplane.lib import clock
from evidence import services, trust
from evidence.verify.dossier import Question
from evidence.verify.findings import Report, Verdict
from evidence.verify.trust import Approver, Trust, parse
from evidence.verify.verifier import verify
from tenants.actors import Actor
from tenants.roles import Role
from tenants.services import grant_role
from tests import proving
from tests.integration.evidence.conftest import as_sequencer as as_sequencer

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def decided(desk: SimpleNamespace, as_sequencer: Callable[[], int]) -> SimpleNamespace:
    """Two senior approvers signed the same action, each with a passkey of their own; the approval was used."""
    installer, workspace = Actor.system(desk.world.a.tenant.id, "installer"), desk.world.a.workspace.id
    request = desk.ask(tier=Tier.CRITICAL)
    for name in ("bob", "carol"):
        actor: Actor = getattr(desk, name)
        grant_role(user_id=actor.id, role=Role.SENIOR_APPROVER, workspace_id=workspace, actor=installer)
        place = {"run_id": request.run_id, "workspace_id": workspace}
        proving.by_passkey(getattr(desk.world.a, name), actor, request.action_digest, **place)
        outcome = desk.yes(request, actor, reason="needed")
    assert outcome.state is State.APPROVED
    desk.use(request)
    with transaction.atomic():
        services.close_run(run_id=request.run_id, actor=desk.gateway)
    while Context().run(as_sequencer):  # outside the scope of the desk
        pass
    bundle = services.export_run(run_id=request.run_id, actor=desk.alice, timeout_s=0.2)
    trusted = parse(json.dumps(trust.export(desk.world.a.tenant.id)).encode())
    return SimpleNamespace(desk=desk, bundle=bundle, trusted=trusted)


def judged(decided: SimpleNamespace, *known: str, **changes: Any) -> Report:
    trusted: Trust = replace(decided.trusted, **changes)
    return verify(decided.bundle, Question(trusted, known, clock.now_ms()))


def told(report: Report) -> list[str]:
    return [found.outcome for found in report.findings if found.code == "APPROVERS"]


def test_the_trust_file_names_those_whose_passkeys_there_are(decided: SimpleNamespace) -> None:
    named = {approver.id for approver in decided.trusted.approvers}
    assert named == {str(decided.desk.bob.id), str(decided.desk.carol.id)}
    assert {approver.rp_id for approver in decided.trusted.approvers} == {"localhost"}


def test_pinned_passkeys_are_the_last_step_of_assurance(decided: SimpleNamespace) -> None:
    first = judged(decided)
    assert (first.verdict, first.assurance.name, told(first)) == (Verdict.VERIFIED, "A1", ["PASS"]), first.text()
    second = judged(decided, first.note)
    assert (second.verdict, second.assurance.name) == (Verdict.VERIFIED, "A4"), second.text()


def test_without_the_keys_of_both_it_is_the_operators_word(decided: SimpleNamespace) -> None:
    note = judged(decided).note
    for approvers in ((), decided.trusted.approvers[:1]):
        report = judged(decided, note, approvers=approvers)
        assert (report.verdict, report.assurance.name, told(report)) == (Verdict.VERIFIED, "A3", ["SKIP"])


def test_an_auditor_who_knows_another_key_of_that_person_trusts_nothing(decided: SimpleNamespace) -> None:
    bob, carol = decided.trusted.approvers
    other = Approver(bob.id, bob.rp_id, (carol.keys[0],))
    report = judged(decided, approvers=(other, carol))
    assert (report.verdict, report.failures) == (Verdict.UNTRUSTED, ["APPROVER-KEY"])
