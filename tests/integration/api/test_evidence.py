"""Evidence over HTTP: by token, within the tenant, and a stranger learns nothing."""

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client

from controlplane.lib import clock
from controlplane.lib.ids import uuid7
from evidence import sequencing, services
from evidence.events import LogHeartbeat
from evidence.verify.dossier import Question
from evidence.verify.findings import Verdict
from evidence.verify.trust import parse
from evidence.verify.verifier import verify
from tenants import scope
from tenants import services as tenants
from tenants.actors import Actor
from tenants.roles import Perm
from tests.integration.evidence.conftest import as_sequencer  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def run(world: object, in_scope: Callable, as_sequencer: Callable) -> UUID:  # noqa: F811 - a fixture
    run_id, system = uuid7(), Actor.system(world.a.tenant.id, "test")
    with in_scope(world.a.tenant):
        services.record(LogHeartbeat(0), actor=system, workspace_id=world.a.workspace.id, run_id=run_id)
        services.close_run(run_id=run_id, actor=system)
    as_sequencer(sequencing.run_once)
    return run_id


@pytest.fixture
def headers(world: object, actor_of: Callable) -> Callable[..., dict[str, str]]:
    def of(side: object, user: object) -> dict[str, str]:
        with scope.enter(side.tenant.id):
            every = [perm.value for perm in Perm]
            actor = actor_of(user, side.tenant)
            made = tenants.issue_token(user_id=user.id, name="t", scopes=every, lives=timedelta(days=1), actor=actor)
        return {"Authorization": f"Bearer {made.secret}"}

    return of


def test_the_bundle_that_is_downloaded_verifies(client: Client, world: object, run: UUID, headers: Callable) -> None:
    alice = headers(world.a, world.a.alice)
    trust = parse(json.dumps(client.get("/v1/trust", headers=alice).json()).encode())
    answer = client.get(f"/v1/runs/{run}/evidence?known=1", headers={**alice, "Accept": "*/*"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    assert verify(answer.content, Question(trust, (), clock.now_ms())).verdict is Verdict.VERIFIED


def test_a_period_of_a_log_is_downloaded_and_verifies(
    client: Client, world: object, run: UUID, headers: Callable
) -> None:
    alice = headers(world.a, world.a.alice)
    trust = parse(json.dumps(client.get("/v1/trust", headers=alice).json()).encode())
    url = f"/v1/logs/{world.a.workspace.id}/evidence"
    answer = client.get(f"{url}?since=2026-01-01T00:00:00Z&known=1", headers={**alice, "Accept": "*/*"})
    report = verify(answer.content, Question(trust, (), clock.now_ms()))
    assert (answer.status_code, report.verdict, report.kind) == (200, Verdict.VERIFIED, "period")
    assert client.get(f"{url}?since=yesterday", headers=alice).status_code == 422


def test_the_timeline_names_what_happened(client: Client, world: object, run: UUID, headers: Callable) -> None:
    dana = headers(world.a, world.a.dana)
    events = client.get(f"/v1/runs/{run}/events", headers=dana).json()["results"]
    assert [(event["seq"], event["type"], event["actor"]) for event in events] == [
        (1, "log.heartbeat", "system"),
        (2, "run.sealed", "system"),
    ]
    assert client.get(f"/v1/runs/{run}/events?after=1", headers=dana).json()["results"][0]["seq"] == 2
    assert client.get("/v1/logs", headers=dana).json()["results"][0]["note"]


def test_a_stranger_finds_neither_events_nor_bundle(
    client: Client, world: object, run: UUID, headers: Callable
) -> None:
    charlie = headers(world.b, world.charlie)
    assert client.get(f"/v1/runs/{run}/evidence", headers=charlie).status_code == 404
    assert client.get(f"/v1/runs/{run}/events", headers=charlie).status_code == 404
    assert client.get(f"/v1/logs/{world.a.workspace.id}/evidence", headers=charlie).status_code == 404
    assert client.get(f"/v1/approvals/{run}/evidence", headers=charlie).status_code == 404
    assert client.get(f"/v1/runs/{run}/events", headers={}).status_code == 401


def test_who_may_not_export_finds_no_bundle(client: Client, world: object, run: UUID, headers: Callable) -> None:
    assert client.get(f"/v1/runs/{run}/evidence", headers=headers(world.a, world.a.dana)).status_code == 404


def test_keys_and_anchors_are_shown_to_whoever_may_export(
    client: Client, world: object, run: UUID, headers: Callable
) -> None:
    answer = client.get("/v1/custody", headers=headers(world.a, world.a.alice))
    assert answer.status_code == 200
    found = answer.json()
    assert {key["state"] for key in found["ring"]["keys"]} == {"VALID"}
    assert "itsm" in {log["label"] for log in found["logs"]}
    assert (found["epochs"], found["set_aside"], found["problem"]) == ([], [], "")


def test_keys_and_anchors_are_refused_to_whoever_may_not(
    client: Client, world: object, run: UUID, headers: Callable
) -> None:
    answer = client.get("/v1/custody", headers=headers(world.a, world.a.dana))
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")
    stranger = client.get("/v1/custody", headers=headers(world.b, world.charlie)).json()
    assert str(world.a.workspace.id) not in {log["id"] for log in stranger["logs"]}
