"""Exports as jobs: they wait for the seal, say how far they are, survive their worker, and keep no content."""

import json
from collections.abc import Callable, Iterator
from contextvars import Context
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client

from controlplane.lib import clock
from controlplane.lib.errors import Invalid, NotFound
from controlplane.lib.ids import uuid7
from evidence import access, jobs, sequencing, services
from evidence.errors import ExportNotReady
from evidence.events import LogHeartbeat
from evidence.models import ExportJob
from evidence.verify.dossier import Question
from evidence.verify.findings import Verdict
from evidence.verify.trust import parse
from evidence.verify.verifier import verify
from tenants import scope
from tenants.actors import Actor

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def alice(world: SimpleNamespace, actor_of: Callable) -> Actor:
    return actor_of(world.a.alice, world.a.tenant)


@pytest.fixture
def run(world: SimpleNamespace, in_scope: Callable) -> UUID:
    run_id, system = uuid7(), Actor.system(world.a.tenant.id, "test")
    with in_scope(world.a.tenant):
        services.record(LogHeartbeat(0), actor=system, workspace_id=world.a.workspace.id, run_id=run_id)
        services.close_run(run_id=run_id, actor=system)
    return run_id


@pytest.fixture
def seal(as_sequencer: Callable) -> Callable[[], int]:
    """The sequencer works for all tenants, outside the scope that a test is in."""
    return lambda: Context().run(as_sequencer, sequencing.run_once)


@pytest.fixture
def asked(world: SimpleNamespace, entered: None, alice: Actor, run: UUID) -> ExportJob:
    return jobs.request(kind=jobs.RUN, run_id=run, actor=alice)


@pytest.fixture
def entered(world: SimpleNamespace) -> Iterator[None]:
    with scope.enter(world.a.tenant.id):
        yield


def now_of(job: ExportJob, actor: Actor) -> ExportJob:
    with transaction.atomic():
        return access.export_job(actor, job.pk)


def judged(bundle: bytes, actor: Actor) -> Verdict:
    with transaction.atomic():
        trust = parse(json.dumps(access.trust_file(actor)).encode())
    return verify(bundle, Question(trust, (), clock.now_ms())).verdict


def test_a_job_tells_how_far_it_is_and_ends_when_all_is_sealed(
    asked: ExportJob, alice: Actor, seal: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SLICE_S", 0.0)
    jobs.carry_on(asked.pk)
    waiting = now_of(asked, alice)
    assert (waiting.state, waiting.done, waiting.total, waiting.lease_until) == (jobs.RUNNING, 0, 2, None)
    with pytest.raises(ExportNotReady):
        jobs.fetch(job_id=asked.pk, actor=alice)
    seal()
    jobs.carry_on(asked.pk)
    ready = now_of(asked, alice)
    assert (ready.state, ready.done, ready.total) == (jobs.DONE, 2, 2)
    name, bundle = jobs.fetch(job_id=asked.pk, actor=alice)
    assert name == f"run-{asked.run_id}.evb"
    assert judged(bundle, alice) is Verdict.VERIFIED


def test_a_period_is_put_together_once_and_kept(
    world: SimpleNamespace, entered: None, alice: Actor, run: UUID, seal: Callable
) -> None:
    seal()
    job = jobs.request(kind=jobs.PERIOD, log_id=world.a.workspace.id, actor=alice)
    jobs.carry_on(job.pk)
    jobs.carry_on(job.pk)
    ready = now_of(job, alice)
    assert (ready.state, ready.problem) == (jobs.DONE, "")
    _, bundle = jobs.fetch(job_id=job.pk, actor=alice)
    assert len(bundle) == ready.size
    assert judged(bundle, alice) in (Verdict.VERIFIED, Verdict.INCOMPLETE)


def test_what_cannot_be_made_says_why(
    world: SimpleNamespace, entered: None, alice: Actor, run: UUID, seal: Callable
) -> None:
    seal()
    since = clock.now() + timedelta(days=1)
    job = jobs.request(kind=jobs.PERIOD, log_id=world.a.workspace.id, since=since, actor=alice)
    jobs.carry_on(job.pk)
    ended = now_of(job, alice)
    assert ended.state == jobs.FAILED
    assert ended.problem.startswith("nothing_sealed")


def test_a_job_that_is_never_sealed_gives_up(asked: ExportJob, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "PATIENCE", timedelta(0))
    jobs.carry_on(asked.pk)
    assert now_of(asked, alice).problem.startswith("not_sealed")


def test_a_worker_that_died_is_followed_by_another(
    asked: ExportJob, alice: Actor, seal: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal()
    assert jobs._claim(asked.pk) is not None  # and then it is killed
    jobs.carry_on(asked.pk)
    assert now_of(asked, alice).state == jobs.RUNNING
    monkeypatch.setattr(jobs, "LEASE", timedelta(0))
    with transaction.atomic():
        ExportJob.objects.filter(pk=asked.pk).update(lease_until=clock.now() - timedelta(seconds=1))
    assert jobs.overdue() == 1
    jobs.carry_on(asked.pk)
    assert now_of(asked, alice).state == jobs.DONE


@pytest.mark.parametrize("kind", ["run", "approval", "period", "other"])
def test_a_subject_is_named_whole(world: SimpleNamespace, entered: None, alice: Actor, kind: str) -> None:
    with pytest.raises(Invalid):
        jobs.request(kind=kind, actor=alice)


def test_who_may_not_export_gets_nothing(
    world: SimpleNamespace, in_scope: Callable, actor_of: Callable, asked: ExportJob
) -> None:
    charlie = actor_of(world.b.charlie, world.b.tenant)

    def look() -> None:
        with in_scope(world.b.tenant), pytest.raises(NotFound):
            access.export_job(charlie, asked.pk)

    Context().run(look)


def test_the_page_shows_it_and_hands_it_out(
    client: Client, world: SimpleNamespace, asked: ExportJob, seal: Callable
) -> None:
    client.force_login(world.a.alice)
    page = client.get(f"/o/a/evidence/exports/{asked.pk}/").content.decode()
    assert "every 1s" in page
    refused = client.post(f"/o/a/evidence/exports/{asked.pk}/bundle/")
    assert refused.status_code == 409
    seal()
    jobs.carry_on(asked.pk)
    assert "Download the bundle" in client.get(f"/o/a/evidence/exports/{asked.pk}/").content.decode()
    assert client.post(f"/o/a/evidence/exports/{asked.pk}/bundle/")["Content-Type"] == "application/zip"
    started = client.post("/o/a/evidence/exports/", {"kind": "run", "run_id": str(asked.run_id)})
    assert started.status_code == 302
    assert "run_id" in client.post("/o/a/evidence/exports/", {"kind": "run", "run_id": "x"}).content.decode()
