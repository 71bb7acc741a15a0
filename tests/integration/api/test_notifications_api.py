"""Wishes and rotas by API and command line."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from django.test import Client
from typer.testing import Result

from tests.integration.api.test_command_line import in_this_transaction, interlock  # noqa: F401 - fixtures

ROTA = {
    "name": "itsm",
    "members": ["bob@a.test", "carol@a.test"],
    "starts_at": "2026-01-01T08:00:00Z",
    "turn_hours": 24,
}


def test_a_rota_is_set_by_administrators_and_read_by_all(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any]
) -> None:
    bob, alice = token(world.a.bob), token(world.a.alice)
    assert post("/v1/rotas", ROTA, bob).status_code == 403
    assert post("/v1/rotas", {**ROTA, "members": ["nobody"]}, alice).status_code == 422
    made = post("/v1/rotas", ROTA, alice)
    assert (made.status_code, made.json()["members"][0]) == (200, str(world.a.bob.id))
    (now,) = client.get("/v1/on-call", headers=bob).json()["results"]
    assert {now["person"], now["next"]} == {"Bob", "Carol"}
    assert client.get("/v1/rotas", headers=token(world.charlie, world.b)).json()["results"] == []


def test_the_command_line_does_the_same(interlock: Callable[..., Result]) -> None:  # noqa: F811 - fixture
    wished = interlock("bob", "notifications", "set", "--direct", "never", "--digest-hour", "7", "-o", "json")
    assert (wished.exit_code, json.loads(wished.stdout)["digest_hour"]) == (0, 7), wished.output
    silent = interlock("bob", "notifications", "set", "--digest-hour", "-1", "-o", "json")
    assert (json.loads(silent.stdout)["direct"], json.loads(silent.stdout)["digest_hour"]) == ("never", None)
    line = ("rota", "set", "itsm", "--member", "bob@a.test", "--starts-at", "2026-01-01T08:00:00Z")
    assert interlock("alice", *line).exit_code == 0
    now = interlock("dana", "rota", "now", "-o", "json")
    assert json.loads(now.stdout)["results"][0]["person"] == "Bob", now.output
