"""The record of a whole run, judged by the verifier that a stranger would use."""

import contextvars
import json

import pytest
from django.db import transaction

from approvals import access as approvals
from approvals.types import Verdict as Vote
from controlplane.lib import clock
from evidence import access, exports, sequencing, services, trust
from evidence.verify import envelope, layout
from evidence.verify.container import unpack
from evidence.verify.dossier import Question
from evidence.verify.findings import Report, Verdict
from evidence.verify.trust import parse
from evidence.verify.verifier import verify
from tests.integration.evidence.conftest import as_sequencer  # noqa: F401 - a fixture
from workflows.types import RunState

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def judge(floor, as_sequencer):  # noqa: F811 - a fixture
    """Seal, export and verify a run with the trust that was taken before it."""
    taken = parse(json.dumps(trust.export(floor.side.tenant.id)).encode())

    def judged(run) -> Report:
        while contextvars.Context().run(as_sequencer, sequencing.run_once):
            pass
        bundle = services.export_run(run_id=run.pk, actor=floor.alice)
        return verify(bundle, Question(taken, (), clock.now_ms()))

    judged.taken = taken
    return judged


def types(floor, run) -> list[str]:
    with transaction.atomic():
        return [event["type"] for event in access.run_events(floor.alice, run.pk)]


@pytest.fixture
def waiting(floor):
    return floor.wake(floor.start(floor.incident(short_description="VPN drops every few minutes")))


def test_the_bundle_of_an_approved_run_verifies_with_all_rules(floor, waiting, judge):
    floor.vote(waiting)
    run = floor.wake(waiting)
    report = judge(run)
    assert (run.state, report.verdict) == (RunState.SUCCEEDED, Verdict.VERIFIED), report.text()
    assert report.disclosed > 0
    assert {"run.started", "policy.decided", "approval.consumed", "tool.call.intent", "run.sealed"} <= set(
        types(floor, run)
    )


def test_the_bundle_of_an_approval_ends_with_its_use_and_verifies(floor, waiting, judge, as_sequencer):  # noqa: F811
    floor.vote(waiting)
    run = floor.wake(waiting)
    assert judge(run).verdict is Verdict.VERIFIED
    with transaction.atomic():
        request_id = approvals.of_run(floor.alice, run.pk)[0].id
    bundle = exports.export_approval(run_id=run.pk, request_id=request_id, actor=floor.alice)
    report = verify(bundle, Question(judge.taken, (), clock.now_ms()))
    told = unpack(bundle)[layout.EVENTS].splitlines()
    assert (report.verdict, report.kind, report.failures) == (Verdict.VERIFIED, "approval", []), report.text()
    assert envelope.parse_event(told[-1]).type == "approval.consumed"


def test_the_period_in_which_runs_were_made_verifies_with_all_rules(floor, waiting, judge, as_sequencer):  # noqa: F811
    floor.vote(waiting)
    judge(floor.wake(waiting))
    bundle = exports.export_period(log_id=floor.side.workspace.id, actor=floor.alice)
    report = verify(bundle, Question(judge.taken, (), clock.now_ms()))
    assert (report.verdict, report.kind, report.failures) == (Verdict.VERIFIED, "period", []), report.text()


def test_the_bundle_of_a_rejected_run_verifies_too(floor, waiting, judge):
    floor.vote(waiting, verdict=Vote.REJECT)
    run = floor.wake(waiting)
    report = judge(run)
    assert (run.state, report.verdict) == (RunState.REJECTED, Verdict.VERIFIED), report.text()


def test_the_bundle_of_an_open_run_says_that_it_is_open(floor, waiting, judge):
    report = judge(waiting)
    assert (report.verdict, report.failures) == (Verdict.INCOMPLETE, ["RUN-OPEN"]), report.text()
