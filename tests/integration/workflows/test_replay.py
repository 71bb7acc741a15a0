"""A run is played again from its record: the engine itself, recorded answers, a virtual clock, no database."""

import contextvars
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from controlplane.lib.errors import NotFound
from evidence import access as evidence
from evidence import erasing, sequencing, services, trust
from policies import packs
from policies.types import PackSource
from tenants.models import Tenant
from tests.integration.api.conftest import token  # noqa: F401 - a fixture
from tests.integration.evidence.conftest import as_sequencer  # noqa: F401 - a fixture
from tests.integration.workflows.replaying import altered, elsewhere
from workflows import services as workflows
from workflows.replay import decisions, exact, reading, structural
from workflows.replay import services as replays
from workflows.replay.material import of_bundle
from workflows.replay.report import Level, Report, Verdict, told

pytestmark = pytest.mark.usefixtures("committed_db")
LOOSE = packs.rego("triage").replace('"effect": "REQUIRE_HITL"', '"effect": "ALLOW"')


@pytest.fixture
def run(floor: Any) -> Any:
    """An incident that was triaged by a model, approved by a person and written back."""
    waiting = floor.wake(floor.start(floor.incident(short_description="VPN drops every few minutes")))
    floor.vote(waiting)
    run = floor.wake(waiting)
    assert run.state == "SUCCEEDED", floor.story(run)
    return run


@pytest.fixture
def bundle(floor: Any, run: Any, as_sequencer: Any, tmp_path: Path) -> Path:  # noqa: F811
    while contextvars.Context().run(as_sequencer, sequencing.run_once):
        pass
    path = tmp_path / "run.evb"
    path.write_bytes(services.export_run(run_id=run.pk, actor=floor.alice))
    (tmp_path / "trust.json").write_text(json.dumps(trust.export(floor.side.tenant.id)))
    return path


def words(report: Report) -> str:
    return "\n".join(told(report.document()))


def test_a_replay_beside_the_database_gives_every_event_again(run: Any) -> None:
    report = exact.replay(reading.of_run(run.pk))
    assert report.verdict is Verdict.SAME, words(report)
    assert report.same == report.events
    assert report.counts["by_engine"] > 4, "the engine said these anew"
    assert report.counts["by_call"] >= 4, "and asked for these calls"


def test_a_replay_asks_no_database(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    material = reading.of_run(run.pk)

    def nobody(*_: Any, **__: Any) -> None:
        raise AssertionError("the database was asked")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "cursor", nobody)
        assert exact.replay(material).verdict is Verdict.SAME


def test_a_bundle_is_replayed_elsewhere_to_the_last_bit(bundle: Path, run: Any) -> None:
    here = exact.replay(reading.of_run(run.pk)).document()
    code, found = elsewhere(bundle, "--trust", bundle.with_name("trust.json"))
    assert (code, found["bundle"]) == (0, "VERIFIED"), found
    assert [report["verdict"] for report in found["reports"]] == ["SAME", "SAME", "SAME"]
    assert found["reports"][1] == here, "the same report on another machine"
    assert elsewhere(bundle, "--level", "R1", hash_seed="7")[1]["reports"] == [here]


def test_a_tampered_answer_shows_where_it_first_differs_and_what_follows(bundle: Path) -> None:
    model = next(
        event.id
        for event in of_bundle(bundle.read_bytes()).events
        if event.type == "tool.call.completed" and event.data["tool"] == "llm.generate"
    )
    path = altered(bundle, {model: "/data/output"}, b'"network"', b'"hardware"')
    code, found = elsewhere(path, "--level", "R1", "--trust", bundle.with_name("trust.json"))
    report = found["reports"][0]
    assert (code, found["bundle"], report["verdict"]) == (9, "TAMPERED", "DIVERGED")
    assert (report["divergence"]["event"], report["divergence"]["content"]) == (model, "/data/output")
    assert report["differing_later"] > 0, "what was written would have been something else"


def test_what_cannot_be_opened_is_not_covered_and_never_the_same(floor: Any, run: Any) -> None:
    erasing.shred(run_id=run.pk, reason="asked", actor=floor.alice)
    material = reading.of_run(run.pk)
    assert structural.replay(material).verdict is Verdict.SAME, "the structure is there for ever"
    report = exact.replay(material)
    assert (report.verdict, report.exit_code) == (Verdict.NOT_COVERED, 10)
    assert decisions.replay(material).verdict is Verdict.NOT_COVERED


def test_a_tenant_that_did_not_opt_in_has_its_structure_replayed(floor: Any) -> None:
    with transaction.atomic():
        Tenant.objects.filter(pk=floor.side.tenant.id).update(keep_content=False)
    run = floor.wake(floor.start(floor.incident(short_description="printer"), key="k2"))
    material = reading.of_run(run.pk)
    assert (material.opened, material.tape) == ({}, [])
    assert structural.replay(material).verdict is Verdict.SAME
    assert exact.replay(material).verdict is Verdict.NOT_COVERED


def test_events_that_no_run_leaves_behind_break_its_structure(run: Any) -> None:
    material = reading.of_run(run.pk)
    kept = [event for event in material.events if event.type != "tool.call.intent"]
    report = structural.replay(replace(material, events=kept))
    assert report.verdict is Verdict.DIVERGED
    assert report.divergence is not None
    assert report.divergence.type == "tool.call.completed"


def test_every_decision_is_made_again_by_the_bundle_that_made_it(run: Any) -> None:
    report = decisions.replay(reading.of_run(run.pk))
    assert report.verdict is Verdict.SAME, words(report)
    assert report.same == report.events > 5


def test_another_policy_shows_the_first_decision_that_would_differ(floor: Any, run: Any, bundle: Path) -> None:
    channels = {"channels": []}
    report = replays.with_policy(run_id=run.pk, packs={"triage": PackSource(LOOSE, channels)}, actor=floor.alice)
    assert report.verdict is Verdict.DIVERGED
    found = report.divergence
    assert found is not None
    assert (found.recorded["effect"], found.replayed["effect"]) == ("REQUIRE_HITL", "ALLOW")
    pack = bundle.with_name("triage.rego")
    pack.write_text(LOOSE)
    code, offline = elsewhere(bundle, "--policy", pack)
    assert (code, offline["reports"][0]["divergence"]["replayed"]["effect"]) == (9, "ALLOW")


def test_another_version_is_followed_until_it_does_something_else(floor: Any, run: Any) -> None:
    source = str(run.version.source).replace("version: ", "version: 9", 1)
    same = workflows.publish_version(workspace_id=floor.side.workspace.id, source=source, actor=floor.alice)
    report = replays.with_version(run_id=run.pk, version=same.version, actor=floor.alice)
    assert report.verdict is Verdict.SAME, words(report)


def test_reading_content_takes_the_right_to_export_and_is_on_record(floor: Any, run: Any) -> None:
    with pytest.raises(NotFound):
        replays.replay(run_id=run.pk, level=Level.R1, actor=floor.bob)
    report = replays.replay(run_id=run.pk, level=Level.R1, actor=floor.alice)
    assert report.verdict is Verdict.SAME
    with transaction.atomic():
        told = [event["type"] for event in evidence.run_events(floor.alice, run.pk)]
    assert "run.replayed" not in told, "the run's own chain is over"


def test_the_page_shows_each_moment_and_what_a_replay_found(floor: Any, run: Any, client: Any, world: Any) -> None:
    client.force_login(world.a.alice)
    address = f"/o/a/runs/{run.pk}/replay/"
    first, last = (contextvars.Context().run(client.get, address + at).content.decode() for at in ("?at=2", "?at=9999"))
    assert "2 of " in first
    assert 'rel="next"' in first
    assert 'rel="next"' not in last
    assert "SUCCEEDED" in last or "succeeded" in last.lower()
    found = contextvars.Context().run(client.post, address, {"level": "R1"}).content.decode()
    assert "the same" in found, found


def test_the_api_answers_with_the_first_divergence(
    run: Any,
    client: Any,
    world: Any,
    token: Any,  # noqa: F811 - a fixture
) -> None:
    headers = token(world.a.alice)
    asked = {"packs": {"triage": {"source": LOOSE, "data": {"channels": []}}}}
    for body, verdict in (({"level": "R0"}, "SAME"), ({"level": "R1"}, "SAME"), (asked, "DIVERGED")):
        answer = contextvars.Context().run(
            client.post, f"/v1/runs/{run.pk}/replays", body, content_type="application/json", headers=headers
        )
        assert (answer.status_code, answer.json()["verdict"]) == (200, verdict), answer.json()
        assert answer.json()["words"]
