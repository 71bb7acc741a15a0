"""A bundle is all that a replay needs: no database, no network, no account."""

import contextvars
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from approvals.types import Verdict as Vote
from evidence import services, trust
from evidence.verify import layout
from tenants.models import Tenant
from tests.integration.evidence.conftest import as_sequencer  # noqa: F401 - a fixture
from tests.integration.workflows.replaying import altered, elsewhere, played, rebuilt
from workflows.models import Run
from workflows.replay.material import Material, of_bundle

pytestmark = pytest.mark.usefixtures("committed_db")

ALONE = """
import sys

def alone(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind"}:
        raise PermissionError(f"a replay has no network: {event}")

sys.addaudithook(alone)
"""
"""`sitecustomize`: Python's own way out is shut; a database driver finds an address where nobody listens."""

Export = Callable[[Run], Path]


@pytest.fixture
def export(floor: Any, as_sequencer: Callable[[], int], tmp_path: Path) -> Export:  # noqa: F811
    def exported(run: Run) -> Path:
        while contextvars.Context().run(as_sequencer):
            pass
        path = tmp_path / f"{run.pk}.evb"
        path.write_bytes(services.export_run(run_id=run.pk, actor=floor.alice))
        return path

    return exported


def waiting(floor: Any, key: str, **fields: str) -> Run:
    run: Run = floor.wake(floor.start(floor.incident(**fields), key=key))
    return run


def written(floor: Any, key: str = "k1") -> Run:
    run = waiting(floor, key, short_description="VPN drops every few minutes")
    floor.vote(run)
    return over(floor, run)


def over(floor: Any, run: Run) -> Run:
    for _ in range(20):
        if run.closed_at is None:
            floor.due(run)
            run = floor.wake(run)
    assert run.closed_at is not None, floor.story(run)
    return run


def rejected(floor: Any) -> Run:
    run = waiting(floor, "k2")
    floor.vote(run, verdict=Vote.REJECT)
    return over(floor, run)


def rolled_back(floor: Any) -> Run:
    gone = {"status": 200, "body": {"ok": False, "error": "is_archived"}}
    floor.vendors.fault("status", times=100, args=gone, path="/slack/api/chat.postMessage")
    run = waiting(floor, "k3", category="inquiry")
    floor.vote(run)
    return over(floor, run)


def of_type(material: Material, name: str) -> str:
    return next(event.id for event in material.events if event.type == name)


def codes(found: dict[str, Any]) -> tuple[str, set[str]]:
    report = found["reports"][0]
    return report["verdict"], {gap["code"] for gap in report["not_covered"]}


def test_runs_of_every_fate_are_the_same_without_database_and_network(
    floor: Any, export: Export, tmp_path: Path
) -> None:
    runs = [written(floor), rejected(floor), rolled_back(floor)]
    assert [run.state for run in runs] == ["SUCCEEDED", "REJECTED", "ROLLED_BACK"]
    bundles = [export(run) for run in runs]
    trusted = tmp_path / "trust.json"
    trusted.write_text(json.dumps(trust.export(floor.side.tenant.id)))
    (tmp_path / "sitecustomize.py").write_text(ALONE)
    code, found = played(*bundles, "--trust", trusted, PYTHONPATH=str(tmp_path))
    assert [each["bundle"] for each in found] == ["VERIFIED"] * 3
    verdicts = {(report["level"], report["verdict"]) for each in found for report in each["reports"]}
    assert (code, verdicts) == (0, {("R0", "SAME"), ("R1", "SAME"), ("R2", "SAME")}), found


def test_a_policy_s_question_that_was_changed_is_not_decided_again(floor: Any, export: Export) -> None:
    path = export(written(floor))
    decided = of_type(of_bundle(path.read_bytes()), "policy.decided")
    code, found = elsewhere(altered(path, {decided: "/data/input"}, b'"prod"', b'"dev"'), "--level", "R2")
    report = found["reports"][0]
    assert (code, report["verdict"], report["divergence"]["content"]) == (9, "DIVERGED", "/data/input")
    assert (report["divergence"]["event"], report["same"]) == (decided, report["events"] - 1)


def test_what_a_bundle_does_not_hold_is_named_by_a_code(floor: Any, export: Export) -> None:
    path = export(written(floor))
    material = of_bundle(path.read_bytes())
    started = next(event for event in material.events if event.type == "run.started")
    decided = next(event for event in material.events if event.type == "policy.decided")
    definition, policy = str(started.data["definition_digest"]), str(decided.data["bundle_sha256"])

    def missing(change: Callable[[dict[str, bytes]], Any], level: str) -> tuple[str, set[str]]:
        code, found = elsewhere(rebuilt(path, change), "--level", level)
        assert (code, found["bundle"]) == (9, "TAMPERED"), "and nobody signed it like this"
        return codes(found)

    def gone(members: dict[str, bytes]) -> None:
        del members[layout.REPLAY + definition], members[layout.REPLAY + policy]

    def other(members: dict[str, bytes]) -> None:
        for name in (definition, policy):
            members[layout.REPLAY + name] = members[layout.REPLAY + name] + b" "

    for change in (gone, other):
        assert missing(change, "R1") == ("NOT_COVERED", {"definition_missing"})
        assert missing(change, "R2") == ("NOT_COVERED", {"policy_bundle_missing"})


def test_a_bundle_without_content_is_not_covered_and_that_is_no_fault_of_it(floor: Any, export: Export) -> None:
    with transaction.atomic():
        Tenant.objects.filter(pk=floor.side.tenant.id).update(keep_content=False)
    path = export(written(floor))
    assert elsewhere(path, "--level", "R0")[0] == 0
    for level in ("R1", "R2"):
        code, found = elsewhere(path, "--level", level)
        assert (code, codes(found)) == (10, ("NOT_COVERED", {"content_not_open"})), found["bundle"]


def test_another_version_is_tried_on_a_bundle(floor: Any, export: Export, tmp_path: Path) -> None:
    run = written(floor)
    path, other = export(run), tmp_path / "other.yaml"
    other.write_text(str(run.version.source).replace("version: ", "version: 9", 1))
    assert elsewhere(path, "--workflow", other)[0] == 0
    other.write_text(str(run.version.source).replace("is now with", "was given to"))
    code, found = elsewhere(path, "--workflow", other)
    report = found["reports"][0]
    assert (code, report["verdict"], report["divergence"]["content"]) == (9, "DIVERGED", "/data/args")
    assert "was given to" in str(report["divergence"]["replayed"])
