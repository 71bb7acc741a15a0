"""Reconcile tasks over HTTP, from the command line and in the console: the same verbs, the same one answer."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from connectors import gateway
from connectors.calls import CallState
from connectors.models import ReconcileTask
from tests import gateway_ground as ground
from tests.integration.connectors.conftest import (  # noqa: F401 - fixtures
    approve,
    bare,
    no_run_waits,
    ready,
    running_stand_ins,
    vendors,
)
from tests.stand_ins import StandIns

SAW = {"answer": "landed", "note": "the note is there"}


@pytest.fixture
def task(ready: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]) -> ReconcileTask:  # noqa: F811
    return ground.doubt(ready, vendors, approve)


def test_a_task_is_listed_shown_claimed_and_answered_once(
    task: ReconcileTask, world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any], client: Client
) -> None:
    dana, alice = token(world.a.dana), token(world.a.alice)
    path = f"/v1/reconcile-tasks/{task.pk}"
    (listed,) = client.get("/v1/reconcile-tasks", headers=dana).json()["results"]
    assert (listed["id"], listed["answers"]) == (str(task.pk), ["landed", "not_landed", "undo"])
    shown = client.get(path, headers=alice).json()
    assert shown["marker"] in shown["guide"]
    assert [look["found"] for look in shown["looks"]] == ["cannot_tell"] * 5
    assert shown["before"]["category"] == "inquiry"
    assert post(f"{path}/claim", {}, alice).json()["claimed_by"] == alice_label(world)
    assert post(f"{path}/answer", SAW, dana).status_code == 409
    assert post(f"{path}/release", {}, dana).json()["claimed_by"] == ""
    answered = post(f"{path}/answer", SAW, dana)
    assert (answered.status_code, answered.json()["state"], answered.json()["answers"]) == (200, "ANSWERED", [])
    assert post(f"{path}/answer", {**SAW, "answer": "not_landed"}, alice).status_code == 409
    assert gateway.status(call_id=task.call_id).state is CallState.SUCCEEDED
    assert client.get("/v1/reconcile-tasks", headers=dana).json()["results"] == []
    assert len(client.get("/v1/reconcile-tasks?every=true", headers=dana).json()["results"]) == 1


def alice_label(world: SimpleNamespace) -> str:
    label: str = world.a.alice.label
    return label


def test_who_may_not_operate_sees_and_does_not_answer_and_a_stranger_finds_nothing(
    task: ReconcileTask,
    world: SimpleNamespace,
    token: Callable[..., Any],
    post: Callable[..., Any],
    client: Client,
    elsewhere: Callable[..., Any],
) -> None:
    path = f"/v1/reconcile-tasks/{task.pk}"
    assert client.get(path, headers=token(world.a.bob)).status_code == 200
    assert post(f"{path}/answer", SAW, token(world.a.bob)).status_code == 403
    with elsewhere(world.b.tenant):
        stranger = token(world.charlie, world.b)
        assert client.get(path, headers=stranger).status_code == 404
        assert post(f"{path}/answer", SAW, stranger).status_code == 404
    assert gateway.status(call_id=task.call_id).state is CallState.UNKNOWN


def test_the_page_offers_the_lawful_answers_to_those_who_operate(
    task: ReconcileTask, world: SimpleNamespace, client: Client
) -> None:
    client.force_login(world.a.bob)
    assert "needs the permission" in client.get(f"/o/a/reconcile/{task.pk}/").content.decode()
    client.force_login(world.a.dana)
    page = client.get(f"/o/a/reconcile/{task.pk}/").content.decode()
    assert task.call.marker in page
    for words in ("It landed: go on", "It did not land", "undo it"):
        assert words in page
    for place in ("/o/a/", "/o/a/reconcile/"):
        assert f"/o/a/reconcile/{task.pk}/" in client.get(place).content.decode()


def test_an_answer_in_the_console_needs_words_and_counts_once(
    task: ReconcileTask, world: SimpleNamespace, client: Client
) -> None:
    client.force_login(world.a.dana)
    path = f"/o/a/reconcile/{task.pk}/"
    assert client.post(path, {"action": "claim"}).status_code == 302
    assert client.post(path, {"action": "answer", "answer": "landed", "note": ""}).status_code == 422
    assert client.post(path, {"action": "dance"}).status_code == 422
    assert client.post(path, {"action": "answer", **SAW}).status_code == 302
    assert client.post(path, {"action": "answer", **SAW}).status_code == 409
    page = client.get(path).content.decode()
    assert "the note is there" in page
    assert "Your answer" not in page
