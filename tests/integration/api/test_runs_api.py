"""Runs over the API: started once per key, listed, stopped, redriven; workflows published; calls and connectors."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from controlplane.lib import clock, ids
from tenants import scope
from tests import gateway_ground
from tests.running import stopped_run
from workflows import library
from workflows.models import DeadLetter, Run, WorkflowVersion

TRIGGER = {"sys_id": "46d44a5dc0a8010e0000000000000001", "number": "INC0010001"}
START = {"workflow": "itsm-triage", "trigger": TRIGGER}


@pytest.fixture
def furnished(world: SimpleNamespace, actor_of: Callable[..., Any]) -> SimpleNamespace:
    """Tenant A with connector instances at an address where nobody listens."""
    with scope.enter(world.a.tenant.id):
        gateway_ground.furnish(
            world.a, SimpleNamespace(url="http://127.0.0.1:9"), actor_of(world.a.alice, world.a.tenant)
        )
    return world


@pytest.fixture
def published(furnished: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any]) -> Any:
    """The answer to publishing the triage workflow."""
    body = {"source": library.source("itsm-triage")}
    return post("/v1/workflows", body, {**token(furnished.a.alice), "Idempotency-Key": "publish"})


def count(world: SimpleNamespace, model: Any) -> int:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return int(model.objects.count())


def test_a_workflow_is_published_and_shown(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], published: Any
) -> None:
    assert (published.status_code, published.json()["version"]) == (201, "1.0.0")
    dana = token(world.a.dana)
    [row] = client.get("/v1/workflows", headers=dana).json()["results"]
    assert row == published.json()
    shown = client.get(f"/v1/workflows/{row['id']}", headers=dana).json()
    assert shown["source"] == library.source("itsm-triage")
    assert client.get(f"/v1/workflows/{row['id']}", headers=token(world.charlie, world.b)).status_code == 404


def test_a_definition_that_is_none_is_refused_with_findings(
    world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any]
) -> None:
    answer = post("/v1/workflows", {"source": "kind: Workflow\n"}, token(world.a.alice))
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["findings"]
    assert count(world, WorkflowVersion) == 0


def test_who_may_not_publish_publishes_nothing(
    world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any]
) -> None:
    answer = post("/v1/workflows", {"source": library.source("itsm-triage")}, token(world.a.dana))
    assert (answer.status_code, count(world, WorkflowVersion)) == (403, 0)


def test_the_same_key_starts_one_run(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any], published: Any
) -> None:
    headers = {**token(world.a.dana), "Idempotency-Key": "start-1"}
    first, again = (post("/v1/runs", START, headers) for _ in range(2))
    assert (first.status_code, first.json()["state"], first.json()["workflow"]) == (201, "QUEUED", "itsm-triage")
    assert (again.json(), again["Idempotent-Replayed"]) == (first.json(), "true")
    assert count(world, Run) == 1
    shown = client.get(f"/v1/runs/{first.json()['id']}", headers=headers).json()
    assert shown["steps"][0]["state"] == "PENDING"
    assert shown["cost"] == {
        "micros": 0,
        "model_micros": 0,
        "tool_micros": 0,
        "human_micros": 0,
        "complete": True,
    }


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"workflow": "no-such"}, 404, "workflow_unknown"),
        ({"environment": "moon"}, 422, "invalid"),
        ({"workspace": "moon"}, 422, "invalid"),
        ({"trigger": {"cost": 1.5}}, 400, "invalid"),
        ({"trigger": "INC0010001"}, 400, "invalid"),
        ({"workflow": None}, 400, "invalid"),
    ],
)
def test_a_start_that_makes_no_sense_starts_nothing(
    world: SimpleNamespace,
    token: Callable[..., Any],
    post: Callable[..., Any],
    published: Any,
    changes: dict[str, Any],
    status: int,
    code: str,
) -> None:
    answer = post("/v1/runs", {**START, **changes}, token(world.a.dana))
    assert (answer.status_code, answer.json()["code"], count(world, Run)) == (status, code, 0)


def test_an_approver_starts_nothing(
    world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any], published: Any
) -> None:
    answer = post("/v1/runs", START, token(world.a.bob))
    assert (answer.status_code, answer.json()["code"], count(world, Run)) == (403, "permission_missing", 0)


def test_a_run_is_cancelled_by_an_operator_only(
    world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any], published: Any
) -> None:
    run_id = post("/v1/runs", START, token(world.a.dana)).json()["id"]
    path, why = f"/v1/runs/{run_id}/cancel", {"reason": "wrong ticket"}
    assert post(path, why, token(world.charlie, world.b)).status_code == 404
    assert post(path, why, token(world.a.bob)).json()["code"] == "permission_missing"
    assert post(path, {}, token(world.a.dana)).status_code == 400
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert Run.objects.get().stop == ""
    assert post(path, why, {**token(world.a.dana), "Idempotency-Key": "c"}).json()["id"] == run_id
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert Run.objects.get().stop == "cancelled"


def test_a_run_that_waits_for_nothing_is_not_retried(
    world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any]
) -> None:
    answer = post(f"/v1/runs/{stopped_run(world).pk}/retry", {}, token(world.a.dana))
    assert (answer.status_code, answer.json()["code"]) == (409, "run_not_waiting")


def test_a_run_is_paused_and_resumed_by_an_operator_only(
    world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any], published: Any
) -> None:
    run_id = post("/v1/runs", {**START, "priority": "high"}, token(world.a.dana)).json()["id"]
    path, dana = f"/v1/runs/{run_id}", token(world.a.dana)
    assert post(f"{path}/pause", {"reason": "x"}, token(world.charlie, world.b)).status_code == 404
    assert post(f"{path}/pause", {"reason": "x"}, token(world.a.bob)).json()["code"] == "permission_missing"
    assert post(f"{path}/resume", {}, dana).json()["code"] == "run_not_paused"
    paused = post(f"{path}/pause", {"reason": "look"}, {**dana, "Idempotency-Key": "p"}).json()
    assert (paused["priority"], paused["paused_at"] is not None) == (1, True)
    assert post(f"{path}/resume", {}, dana).json()["paused_at"] is None


def test_a_second_attempt_is_a_new_run_and_refused_while_an_effect_stands(
    world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any]
) -> None:
    run = stopped_run(world, state="ABANDONED", closed_at=clock.now())
    answer = post(f"/v1/runs/{run.pk}/retry", {"from_step": "announce"}, token(world.a.dana))
    assert (answer.status_code, answer.json()["code"]) == (409, "effect_stands")


def test_runs_page_and_filter(client: Client, world: SimpleNamespace, token: Callable[..., Any]) -> None:
    runs, dana = [stopped_run(world, ticket_number=f"INC{n}") for n in range(3)], token(world.a.dana)
    first = client.get("/v1/runs?limit=2&state=NEEDS_ATTENTION&state=FAILED", headers=dana).json()
    second = client.get(f"/v1/runs?limit=2&cursor={first['next_cursor']}", headers=dana).json()
    assert [row["id"] for row in first["results"] + second["results"]] == [str(r.pk) for r in reversed(runs)]
    assert [row["ticket"] for row in client.get("/v1/runs?text=inc1", headers=dana).json()["results"]] == ["INC1"]
    assert client.get("/v1/runs?state=SUCCEEDED", headers=dana).json()["results"] == []
    assert client.get("/v1/runs?state=ASLEEP", headers=dana).json()["code"] == "invalid"
    assert client.get("/v1/runs", headers=token(world.charlie, world.b)).json()["results"] == []


def test_calls_of_a_run_and_one_call(client: Client, world: SimpleNamespace, token: Callable[..., Any]) -> None:
    run, bob, charlie = stopped_run(world), token(world.a.bob), token(world.charlie, world.b)
    [call] = client.get(f"/v1/runs/{run.pk}/calls", headers=bob).json()["results"]
    assert (call["tool"], call["connector"]) == ("servicenow.incident.update", "servicenow")
    assert client.get(f"/v1/calls/{call['id']}", headers=bob).json() == call
    paths = (f"/v1/runs/{run.pk}", f"/v1/runs/{run.pk}/calls", f"/v1/calls/{call['id']}")
    assert [client.get(path, headers=charlie).status_code for path in paths] == [404, 404, 404]


def test_connectors_say_how_they_are(client: Client, world: SimpleNamespace, token: Callable[..., Any]) -> None:
    stopped_run(world)
    [connector] = client.get("/v1/connectors", headers=token(world.a.bob)).json()["results"]
    assert (connector["name"], connector["state"], connector["calls"]) == ("servicenow", "HEALTHY", 1)
    assert client.get("/v1/connectors", headers=token(world.charlie, world.b)).json()["results"] == []


def test_a_person_settles_a_run_that_needs_one(
    world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any]
) -> None:
    path = f"/v1/runs/{stopped_run(world).pk}/settle"
    dana = token(world.a.dana)
    assert post(path, {"answer": "fine", "reason": "x"}, dana).status_code == 400
    answer = post(path, {"answer": "abandoned", "reason": "seen and accepted"}, dana)
    assert (answer.status_code, answer.json()["state"]) == (200, "ABANDONED")
    assert post(path, {"answer": "abandoned", "reason": "again"}, dana).json()["code"] == "not_for_a_person"


def test_an_outcome_that_is_not_open_is_not_told(
    world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any]
) -> None:
    body = {"step": "write", "answer": "landed"}
    answer = post(f"/v1/runs/{stopped_run(world).pk}/outcome", body, token(world.a.dana))
    assert (answer.status_code, answer.json()["code"]) == (409, "step_not_unknown")


def test_dead_letters_are_listed_and_a_foreign_one_is_not_there(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any]
) -> None:
    stopped_run(world)
    [letter] = client.get("/v1/dead-letters", headers=token(world.a.dana)).json()["results"]
    assert (letter["step"], letter["tool"], letter["code"]) == ("announce", "t.announce", "channel_not_found")
    path = f"/v1/dead-letters/{letter['id']}/redrive"
    assert post(path, {}, token(world.charlie, world.b)).status_code == 404
    assert post(path, {}, token(world.a.bob)).status_code == 403
    early = post(path, {}, token(world.a.dana))
    assert (early.status_code, early.json()["code"]) == (409, "run_not_waiting")
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert DeadLetter.objects.get().state == "OPEN"


def test_a_run_that_never_was_is_not_there(client: Client, world: SimpleNamespace, token: Callable[..., Any]) -> None:
    assert client.get(f"/v1/runs/{ids.uuid7()}", headers=token(world.a.dana)).status_code == 404
