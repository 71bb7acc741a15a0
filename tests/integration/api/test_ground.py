"""The API's own ground: who may call, problem documents, pages, idempotency."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from tenants import scope
from tenants.models import ApiToken, Halt

ENGAGE = {"kind": "tenant", "mode": "freeze", "reason": "odd writes"}


def _post(client: Client, path: str, body: Any, headers: dict[str, str]) -> Any:
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


def _halts(world: SimpleNamespace) -> int:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return Halt.objects.count()


def test_without_credentials_there_is_a_problem_and_no_data(client: Client, db: None) -> None:
    for headers in ({}, {"Authorization": "Bearer il_nonsense"}):
        answer = client.get("/v1/me", headers=headers)
        assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["code"] in {"not_authenticated", "token_refused", "authentication_failed"}


def test_me_tells_my_permissions(client: Client, world: SimpleNamespace, token: Callable) -> None:
    mine = client.get("/v1/me", headers=token(world.a.bob)).json()
    assert mine["tenant"]["slug"] == "a"
    assert "approve" in mine["workspaces"][0]["permissions"]


def test_a_token_is_shown_once_and_revoked(client: Client, world: SimpleNamespace, token: Callable) -> None:
    headers = token(world.a.dana)
    made = _post(client, "/v1/tokens", {"name": "ci", "scopes": ["view"]}, headers)
    assert made.status_code == 201
    fresh = {"Authorization": f"Bearer {made.json()['token']}"}
    assert client.get("/v1/me", headers=fresh).status_code == 200
    assert made.json()["token"] not in json.dumps(client.get("/v1/tokens", headers=headers).json())
    assert _post(client, f"/v1/tokens/{made.json()['id']}/revoke", {}, headers).status_code == 200
    assert client.get("/v1/me", headers=fresh).status_code == 401


def test_the_same_key_answers_the_same_and_does_it_once(
    client: Client, world: SimpleNamespace, token: Callable
) -> None:
    headers = {**token(world.a.dana), "Idempotency-Key": "k-1"}
    first = _post(client, "/v1/halts", ENGAGE, headers)
    again = _post(client, "/v1/halts", ENGAGE, headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (again["Idempotent-Replayed"], _halts(world)) == ("true", 1)


def test_a_key_used_for_another_request_is_refused(client: Client, world: SimpleNamespace, token: Callable) -> None:
    headers = {**token(world.a.dana), "Idempotency-Key": "k-1"}
    _post(client, "/v1/halts", ENGAGE, headers)
    other = _post(client, "/v1/halts", {**ENGAGE, "reason": "another"}, headers)
    assert (other.status_code, other.json()["code"], _halts(world)) == (422, "idempotency_key_reused", 1)


def test_a_refused_verb_keeps_no_key(client: Client, world: SimpleNamespace, token: Callable) -> None:
    viewer = {**token(world.a.dana, scopes=("view",)), "Idempotency-Key": "k-2"}
    refused = _post(client, "/v1/halts", ENGAGE, viewer)
    assert (refused.status_code, refused.json()["code"], _halts(world)) == (403, "permission_missing", 0)
    assert _post(client, "/v1/halts", ENGAGE, viewer).status_code == 403


def test_one_person_cannot_release_alone(client: Client, world: SimpleNamespace, token: Callable) -> None:
    dana, bob = token(world.a.dana), token(world.a.bob)
    halt = _post(client, "/v1/halts", ENGAGE, dana).json()["id"]
    assert _post(client, f"/v1/halts/{halt}/request-release", {"reason": "fixed"}, dana).status_code == 200
    alone = _post(client, f"/v1/halts/{halt}/release", {}, dana)
    assert (alone.status_code, alone.json()["code"]) == (403, "second_person_needed")
    assert _post(client, f"/v1/halts/{halt}/release", {}, bob).json()["state"] == "released"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("get", "/v1/nothing", None, 404, "not_found"),
        ("delete", "/v1/me", None, 405, "method_not_allowed"),
        ("post", "/v1/halts", {"kind": "moon", "mode": "freeze", "reason": "x"}, 400, "invalid"),
        ("post", "/v1/halts", "not an object", 400, "invalid"),
        ("post", "/v1/halts", {"kind": "workflow", "mode": "freeze", "reason": "x"}, 422, "invalid"),
    ],
)
def test_every_refusal_is_a_problem_document(
    client: Client, world: SimpleNamespace, token: Callable, method: str, path: str, body: Any, status: int, code: str
) -> None:
    headers = token(world.a.dana)
    answer = client.generic(method.upper(), path, json.dumps(body), content_type="application/json", headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["code"] == code
    assert _halts(world) == 0


def test_a_foreign_token_is_not_there(client: Client, world: SimpleNamespace, token: Callable) -> None:
    headers = token(world.a.dana)
    with scope.enter(world.a.tenant.id), transaction.atomic():
        row = ApiToken.objects.get()
    foreign = _post(client, f"/v1/tokens/{row.id}/revoke", {}, token(world.charlie, world.b))
    assert foreign.status_code == 404
    assert client.get("/v1/me", headers=headers).status_code == 200


def test_the_schema_is_openapi_3_1(client: Client, db: None) -> None:
    schema = client.get("/v1/openapi.json", headers={"Accept": "application/json"})
    assert schema.json()["openapi"].startswith("3.1")
    assert "/v1/halts" in schema.json()["paths"]


def test_health_says_alive_and_ready(client: Client, db: None) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").status_code == 200


def test_every_answer_carries_an_id_of_ours(client: Client, db: None) -> None:
    first = client.get("/healthz", headers={"X-Request-Id": "theirs"})["X-Request-Id"]
    second = client.get("/v1/nothing")["X-Request-Id"]
    assert "theirs" not in {first, second}
    assert first != second
