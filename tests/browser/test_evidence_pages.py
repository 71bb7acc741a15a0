"""The record on screen, in both themes: searched, exported with progress, played back, and who vouches for it."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from controlplane.lib import clock
from controlplane.lib.ids import uuid7
from evidence import epochs, guarding, jobs, keyrings, sequencing
from evidence.events import LogHeartbeat
from evidence.models import Anchor, Cosignature, ExportJob, LogHead, Outlet, Quarantine
from evidence.services import close_run, record
from tenants import scope
from tenants.actors import Actor
from tests.integration.evidence.conftest import as_sequencer  # noqa: F401 - a fixture
from tests.running import stopped_run
from workflows.events import RunNeedsAttention, StepSettled

pytestmark = pytest.mark.browser

RECORDED = 3
DAY = timedelta(days=1)


@pytest.fixture
def seal(as_sequencer: Callable) -> Callable[[], None]:  # noqa: F811 - a fixture
    def everything() -> None:
        while as_sequencer(sequencing.run_once):
            pass

    return everything


def recorded_run(world: SimpleNamespace) -> UUID:
    run_id, system = uuid7(), Actor.system(world.a.tenant.id, "engine")
    with scope.enter(world.a.tenant.id), transaction.atomic():
        for _ in range(RECORDED - 1):
            record(LogHeartbeat(0), actor=system, workspace_id=world.a.workspace.id, run_id=run_id)
        close_run(run_id=run_id, actor=system)
    return run_id


def carry_on(world: SimpleNamespace, job_id: UUID) -> None:
    """What a worker does when it is woken."""
    with scope.enter(world.a.tenant.id):
        jobs.carry_on(job_id)


def test_the_record_is_searched_as_one_types(visit: Callable, world: SimpleNamespace) -> None:
    run, other = stopped_run(world), recorded_run(world)
    visitor = visit(world.a.alice)
    page = visitor.open("/o/a/evidence/events/")
    found, status = page.locator("#found tbody tr"), page.locator("#found [role=status]")
    expect(status).to_have_text("The newest events.")
    page.get_by_label("Ticket", exact=True).fill("INC0010001")
    page.get_by_label("Ticket", exact=True).press("Tab")
    page.wait_for_url("**ticket=INC0010001**")
    expect(status).to_contain_text("1 event on this page.")
    expect(found).to_have_count(1)
    expect(found.first.get_by_role("link")).to_have_attribute("href", f"/o/a/runs/{run.id}/?tab=evidence")
    found.first.get_by_text("As recorded").click()
    expect(found.first.locator("pre")).to_contain_text("channel_not_found")
    assert visitor.accessibility() == []
    page.get_by_role("link", name="Clear the filters").click()
    page.get_by_label("Run", exact=True).fill(str(other))
    page.get_by_label("Run", exact=True).press("Tab")
    expect(found).to_have_count(RECORDED)
    page.reload()
    expect(found).to_have_count(RECORDED)
    page.get_by_label("Done by").fill("nobody of this name")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No event matches.")).to_be_visible()


def test_a_time_that_cannot_be_meant_is_told_beside_the_fields(visit: Callable, world: SimpleNamespace) -> None:
    visitor = visit(world.a.alice)
    page = visitor.open("/o/a/evidence/events/?since=yesterday")
    expect(page.get_by_role("alert")).to_contain_text("since")
    expect(page.locator("#found [role=status]")).to_have_text("Nothing was searched.")
    assert visitor.accessibility() == []


def test_an_export_shows_how_far_it_is_and_its_bundle_verifies_in_the_browser(
    visit: Callable, world: SimpleNamespace, seal: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SLICE_S", 0.0)
    visitor = visit(world.a.alice)
    page = visitor.open("/o/a/evidence/exports/")
    expect(page.get_by_text("No export yet.")).to_be_visible()
    page.get_by_label("Run", exact=True).fill(str(recorded_run(world)))
    page.get_by_role("button", name="Export the run").click()
    expect(page.locator("#live [role=status]")).to_contain_text("waits for a worker")
    job_id = UUID(page.url.rstrip("/").rpartition("/")[2])
    carry_on(world, job_id)
    expect(page.locator("#live [role=status]")).to_contain_text(f"0 of {RECORDED} events sealed", timeout=8_000)
    expect(page.get_by_role("progressbar", name="How far it is")).to_have_attribute("max", str(RECORDED))
    assert visitor.accessibility() == []
    seal()
    carry_on(world, job_id)
    expect(page.get_by_role("button", name="Download the bundle")).to_be_visible(timeout=8_000)
    assert visitor.accessibility() == []
    bundle = downloaded(page, "button", "Download the bundle", tmp_path / "run.evb")
    page.goto(f"{visitor.address}/o/a/evidence/")
    trust = downloaded(page, "link", "Download the trust file", tmp_path / "trust.json")
    page.goto(f"{visitor.address}/o/a/evidence/verify/")
    page.get_by_label("Bundle").set_input_files(bundle)
    page.get_by_label("Trust file").set_input_files(trust)
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("heading", name="VERIFIED")).to_contain_text("PASS")
    expect(page.get_by_text(f"{RECORDED} of {RECORDED}")).to_be_visible()


def downloaded(page: Page, role: str, name: str, to: Path) -> Path:
    with page.expect_download() as kept:
        page.get_by_role(role, name=name).click()  # type: ignore[arg-type]
    kept.value.save_as(to)
    return to


def test_an_export_that_fails_says_why(visit: Callable, world: SimpleNamespace, seal: Callable) -> None:
    recorded_run(world)
    seal()
    with scope.enter(world.a.tenant.id):
        alice = Actor("human", world.a.alice.id, world.a.tenant.id, "Alice", "session")
        job = jobs.request(kind=jobs.PERIOD, log_id=world.a.workspace.id, since=clock.now() + DAY, actor=alice)
    carry_on(world, job.pk)
    visitor = visit(world.a.alice)
    page = visitor.open(f"/o/a/evidence/exports/{job.pk}/")
    expect(page.get_by_role("alert")).to_contain_text("nothing_sealed")
    assert visitor.accessibility() == []
    visitor.open("/o/a/evidence/exports/")
    expect(page.get_by_text("nothing_sealed")).to_be_visible()
    assert visitor.accessibility() == []


def test_an_incident_is_played_back_step_by_step(visit: Callable, world: SimpleNamespace) -> None:
    run = stopped_run(world)
    system = Actor.system(world.a.tenant.id, "engine")
    with scope.enter(world.a.tenant.id), transaction.atomic():
        told = [StepSettled("incident", "t.read", "SUCCEEDED", 1), StepSettled("announce", "t.announce", "FAILED", 5)]
        for event in [*told, RunNeedsAttention("a person must look")]:
            record(event, actor=system, workspace_id=world.a.workspace.id, run_id=run.id)
    visitor = visit(world.a.alice)
    page = visitor.open(f"/o/a/runs/{run.id}/replay/")
    event, step = page.locator("#event"), page.locator("#replay ol.steps li")
    expect(event).to_contain_text("1 of 4")
    expect(step.filter(has_text="incident")).to_contain_text("pending")
    page.get_by_role("link", name="Next").focus()
    page.keyboard.press("Enter")
    expect(event).to_contain_text("2 of 4: Run step settled")
    expect(step.filter(has_text="incident")).to_contain_text("succeeded")
    expect(step.filter(has_text="announce")).to_contain_text("pending")
    assert visitor.accessibility() == []
    page.get_by_role("link", name="Play").click()
    expect(event).to_contain_text("4 of 4", timeout=15_000)
    expect(step.filter(has_text="announce")).to_contain_text("failed")
    expect(page.get_by_role("link", name="Next")).to_have_count(0)
    page.get_by_role("link", name="Back").click()
    expect(event).to_contain_text("3 of 4")
    page.get_by_role("link", name="First").click()
    expect(event).to_contain_text("1 of 4")


def test_keys_and_anchors_are_shown_when_there_are_none_and_when_there_are(
    visit: Callable,
    world: SimpleNamespace,
    seal: Callable,
    as_sequencer: Callable,  # noqa: F811 - a fixture
) -> None:
    visitor = visit(world.a.alice)
    page = visitor.open("/o/a/evidence/")
    page.get_by_role("link", name="Keys and anchors").click()
    expect(page.get_by_text("No key yet.")).to_be_visible()
    expect(page.get_by_text("Nobody outside is shown signed heads.")).to_be_visible()
    expect(page.get_by_text("Nothing was set aside.")).to_be_visible()
    assert visitor.accessibility() == []
    recorded_run(world)
    seal()
    revoke(world)
    as_sequencer(lambda: outsiders(world))
    visitor.open("/o/a/evidence/keys/")
    for words in ("witness.example: 1 events", "acme-share: 1 events", "disk lost", "seal broken", "standing"):
        expect(page.get_by_text(words).first).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="ed25519:")).to_have_count(3)
    expect(page.get_by_text("revoked", exact=False).first).to_be_visible()
    assert visitor.accessibility() == []
    page.set_viewport_size({"width": 320, "height": 800})
    assert visitor.widest() == 0


def revoke(world: SimpleNamespace) -> None:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        alice = Actor("human", world.a.alice.id, world.a.tenant.id, "Alice", "session")
        ring = keyrings.newest()
        assert ring is not None
        keyrings.revoke(ring[0].keys[0].kid, reason="laptop lost", at_ms=clock.now_ms(), actor=alice)


def outsiders(world: SimpleNamespace) -> int:
    """What a witness, an authority and a place left behind, an epoch, something set aside, and the guards."""
    log, system = world.a.workspace.id, Actor.system(world.a.tenant.id, "test")
    with scope.enter(world.a.tenant.id):
        with transaction.atomic():
            Cosignature.objects.create(log_id=log, size=1, name="witness.example", line="")
            Anchor.objects.create(log_id=log, size=1, index=0, tree_size=1, root=b"", tokens=["00"])
            Outlet.objects.create(log_id=log, size=1, place="acme-share", pushed_at=clock.now())
            Quarantine.objects.create(id=uuid7(), log_id=log, reason="seal_broken")
            LogHead.objects.filter(pk=log).update(frozen_reason="restored")
        epochs.open_next(log_id=log, reason="disk lost", actor=system)
    return guarding.attest()


def test_who_may_not_export_is_told_what_is_missing(visit: Callable, world: SimpleNamespace) -> None:
    visitor = visit(world.a.dana)
    page = visitor.open("/o/a/evidence/")
    assert page.get_by_role("link", name="Keys and anchors").count() == 0
    visitor.open("/o/a/evidence/keys/")
    expect(page.get_by_text("Export evidence")).to_be_visible()
    assert page.get_by_text("Keyring").count() == 0
    assert visitor.accessibility() == []


def test_the_job_of_another_is_not_found(visit: Callable, world: SimpleNamespace) -> None:
    run_id = recorded_run(world)
    with scope.enter(world.a.tenant.id):
        alice = Actor("human", world.a.alice.id, world.a.tenant.id, "Alice", "session")
        job = jobs.request(kind=jobs.RUN, run_id=run_id, actor=alice)
    page = visit(world.a.dana).open(f"/o/a/evidence/exports/{job.pk}/")
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("Bundle")
    assert json.dumps(str(job.run_id)) not in page.content()
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert ExportJob.objects.get(pk=job.pk).state == jobs.QUEUED
