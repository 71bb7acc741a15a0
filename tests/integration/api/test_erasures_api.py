"""Erasure, legal hold and retention over the API; what the command line sends is this."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from controlplane.lib.ids import uuid7


@pytest.fixture
def post(client: Client, world: SimpleNamespace, token: Callable[..., Any]) -> Callable[..., Any]:
    def send(path: str, body: dict[str, Any], person: Any = None) -> Any:
        headers = token(person or world.a.alice)
        return client.post(path, body, content_type="application/json", headers=headers)

    return send


def test_retention_is_shown_and_set_within_its_bounds(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any]
) -> None:
    assert client.get("/v1/retention", headers=token(world.a.alice)).json() == {"content_days": 30, "audit_days": 2557}
    assert post("/v1/retention", {"content_days": 7, "audit_days": 2557}).status_code == 400
    assert post("/v1/retention", {"content_days": 14, "audit_days": 400}).json()["content_days"] == 14
    assert client.get("/v1/retention", headers=token(world.a.alice)).json() == {"content_days": 14, "audit_days": 400}


def test_only_an_administrator_erases(world: SimpleNamespace, post: Callable[..., Any]) -> None:
    body = {"texts": ["Nobody Knows"], "reason": "asked"}
    assert post("/v1/erasures", body, world.a.dana).status_code == 403
    answer = post("/v1/erasures", {**body, "preview": True})
    assert answer.json() == {"runs": [], "contents": 0, "payloads": 0, "erased": False}
    assert post("/v1/erasures", {"texts": ["ab"], "reason": "asked"}).status_code == 422
    assert post("/v1/erasures", {"texts": ["Nobody Knows"]}).status_code == 400


def test_a_hold_needs_a_run_that_is_there(post: Callable[..., Any]) -> None:
    assert post(f"/v1/runs/{uuid7()}/hold", {"reason": "a case"}).status_code == 404
    assert post(f"/v1/runs/{uuid7()}/release-hold", {}).status_code == 404
