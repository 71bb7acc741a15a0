"""One verb decides, on every path: console, API, command line, Slack, administration, many at once.

The paths are found in the source, so that a new one is either listed here, with how it is shown to end in the verb, or
fails. What else could make a yes, a row or a state, is written in one place each.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from approvals import ports, voting
from approvals.errors import MayNotVote
from approvals.models import ApprovalRequest, Delegation, TakenBack, Vote
from approvals.types import Channel, State
from controlplane.lib.registry import Port
from tenants import scope, services
from tenants.admin_base import ReadOnlyAdmin, site
from tests.asking import ask, state_of

ROOT = Path(__file__).parents[2]
APPS = ("approvals", "connectors", "controlplane", "evidence", "metering", "policies", "tenants", "workflows")
Where = tuple[str, str]

DECIDING = {
    "approvals/selections.py": "many at once, each by a vote of its own",
    "controlplane/api/approvals.py": "the API, and the command line, which only calls it",
    "controlplane/console/approvals.py": "the page of the request",
    "connectors/slack/interactivity.py": "a click in Slack, by either door; tests/integration/connectors",
}
"""Who calls `cast_vote`, and what it is."""


def functions() -> Iterator[tuple[str, str, ast.AST]]:
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    yield path.relative_to(ROOT).as_posix(), node.name, node


def where(found: Callable[[ast.AST], bool]) -> set[Where]:
    return {(inside, name) for inside, name, node in functions() if any(found(part) for part in ast.walk(node))}


def names(node: ast.AST, dotted: str) -> bool:
    written = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""
    return written == dotted or written.endswith(f".{dotted}")


def test_the_callers_of_the_verb_are_known() -> None:
    assert {inside for inside, _ in where(lambda node: names(node, "cast_vote"))} == set(DECIDING)


def test_a_vote_is_written_in_one_place() -> None:
    written = where(
        lambda node: any(names(node, f"{rows}.{verb}") for rows in ("votes", "Vote.objects") for verb in MAKE)
    )
    assert written == {("approvals/voting.py", "_cast")}
    assert where(lambda node: isinstance(node, ast.Constant) and "INSERT INTO approvals" in str(node.value)) == set()


MAKE = ("create", "bulk_create", "get_or_create", "update_or_create")


def test_a_request_changes_its_state_in_two_places() -> None:
    """Deciding, and the one use. Neither asks anybody: who may was asked before."""

    def moves(node: ast.AST) -> bool:
        updates = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update"
        return updates and any(keyword.arg == "state" for keyword in node.keywords)  # type: ignore[attr-defined]

    found = {one for one in where(moves) if one[0].startswith("approvals/")}
    assert found == {("approvals/settling.py", "move"), ("approvals/using.py", "consume")}
    assert where(lambda node: names(node, "ApprovalRequest.objects.update")) == set()


def test_the_command_line_knows_the_api_only() -> None:
    for path in (ROOT / "controlplane/cli").glob("*.py"):
        assert not re.search(r"^(from|import) approvals", path.read_text(), re.MULTILINE), path


@pytest.fixture
def world_of_votes(world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    port: Port[ports.Decided] = Port("approvals.decided")
    port.bind(lambda **_: None)
    monkeypatch.setattr(ports, "decided", port)
    return world


def bearer(world: SimpleNamespace, actor_of: Callable[..., Any]) -> dict[str, str]:
    with scope.enter(world.a.tenant.id):
        terms = {"name": "t", "scopes": ["view", "approve"], "lives": timedelta(hours=1)}
        actor = actor_of(world.a.bob, world.a.tenant)
        made = services.issue_token(user_id=world.a.bob.id, actor=actor, **terms)
    return {"Authorization": f"Bearer {made.secret}"}


def by_page(client: Client, request: Any, _: dict[str, str]) -> None:
    client.post(f"/o/a/approvals/{request.pk}/", {"verdict": "approve", "seen_digest": request.display_digest})


def by_pages_together(client: Client, request: Any, _: dict[str, str]) -> None:
    shown = client.get(f"/o/a/approvals/selection/?id={request.pk}").content.decode()
    token = re.search(r'name="token" value="([^"]+)"', shown)
    assert token is not None
    client.post("/o/a/approvals/selection/", {"verdict": "approve", "token": token[1]})


def by_api(client: Client, request: Any, headers: dict[str, str]) -> None:
    body = {"verdict": "approve", "seen_digest": request.display_digest}
    send(client, f"/v1/approvals/{request.pk}/votes", body, headers)


def by_api_together(client: Client, request: Any, headers: dict[str, str]) -> None:
    made = send(client, "/v1/approval-selections", {"request_ids": [str(request.pk)]}, headers)
    send(client, "/v1/approval-selections/votes", {"token": made["token"], "verdict": "approve"}, headers)


def send(client: Client, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers).json()


PATHS = {
    by_page: Channel.CONSOLE,
    by_pages_together: Channel.CONSOLE,
    by_api: Channel.API,
    by_api_together: Channel.API,
}


def not_today(*_: Any) -> None:
    raise MayNotVote


@pytest.mark.parametrize("path", PATHS)
def test_every_path_ends_in_the_verb(
    world_of_votes: SimpleNamespace, actor_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, path: Any
) -> None:
    """And where the verb says no, the path has no other way to a yes."""
    world, client = world_of_votes, Client()
    client.force_login(world.a.bob, backend="django.contrib.auth.backends.ModelBackend")
    headers = bearer(world, actor_of)
    refused, allowed = ask(world), ask(world)
    with monkeypatch.context() as closed:
        closed.setattr(voting, "_check_voter", not_today)
        path(client, refused, headers)
    assert state_of(world, refused) == State.PENDING
    path(client, allowed, headers)
    assert state_of(world, allowed) == State.APPROVED
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert [vote.channel for vote in Vote.objects.all()] == [PATHS[path]]


@pytest.mark.parametrize("model", [ApprovalRequest, Vote, TakenBack, Delegation])
def test_the_administration_only_shows(world_of_votes: SimpleNamespace, model: Any) -> None:
    admin = site._registry.get(model)
    if admin is None:
        return
    assert isinstance(admin, ReadOnlyAdmin)
    world, client = world_of_votes, Client()
    client.force_login(world.a.alice, backend="django.contrib.auth.backends.ModelBackend")
    request = ask(world)
    base = f"/o/a/admin/approvals/{model._meta.model_name}/"
    for path in (f"{base}add/", f"{base}{request.pk}/change/", f"{base}{request.pk}/delete/"):
        client.post(path, {"state": "APPROVED", "verdict": "approve", "post": "yes"})
    client.post(base, {"action": "delete_selected", "_selected_action": str(request.pk), "post": "yes"})
    assert state_of(world, request) == State.PENDING
