"""Callers of the API: bearer tokens of people, and requests that look like a client's."""

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from tenants import scope, services
from tenants.roles import Perm


@pytest.fixture
def token(world: SimpleNamespace, actor_of: Callable[..., Any]) -> Callable[..., dict[str, str]]:
    """Headers of a bearer token of a user of A with every scope."""

    def make(user: Any, side: Any = world.a, scopes: tuple[str, ...] = tuple(p.value for p in Perm)) -> dict[str, str]:
        actor = actor_of(user, side.tenant)
        with scope.enter(side.tenant.id):
            made = services.issue_token(
                user_id=user.id, name="t", scopes=list(scopes), lives=timedelta(days=1), actor=actor
            )
        return {"Authorization": f"Bearer {made.secret}"}

    return make


@pytest.fixture
def post(client: Client) -> Callable[..., Any]:
    def send(path: str, body: Any, headers: dict[str, str]) -> Any:
        return client.post(path, json.dumps(body), content_type="application/json", headers=headers)

    return send
