"""Three points, one function each, and no path around them.

API: `tenants.permissions.granted` (who may do what to which resource). Runtime: `workflows.engine.permits.may_run`
(may this step run). Gateway: `connectors.gateway.decision.decide` (may this call leave). Routes come from the URL
configuration, kinds of steps from the enumeration, tools from the drivers: a new one is covered by existing, or fails.
"""

import ast
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from connectors import registry, self_calls
from connectors.calls import CallState
from connectors.gateway import sending
from tenants import permissions, scope, services
from tenants.permissions import Perm
from tests import gateway_ground as ground
from tests import policy_ground, stand_ins
from tests.invariants.test_routes import BODY, _admin_pages, _bearer, _fill, _routes, _session
from tests.invariants.test_routes import house as a_full_house
from tests.stand_ins import StandIns
from workflows.definition.model import StepKind
from workflows.engine import kinds
from workflows.rehearsal import stage

ROOT = Path(__file__).parents[2]
APPS = ("approvals", "connectors", "controlplane", "evidence", "metering", "policies", "tenants", "workflows")
Where = tuple[str, str]


def _functions(app: str) -> Iterator[tuple[str, str, ast.AST]]:
    for path in (ROOT / app).rglob("*.py"):
        inside = path.relative_to(ROOT).as_posix()
        if not inside.startswith("connectors/sandbox/"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    yield inside, node.name, node


def _uses(*dotted: str) -> set[Where]:
    """Where the product names this, as file and function: `verbs.do`, `kinds.start`."""
    found = set()
    for app in APPS:
        for inside, function, node in _functions(app):
            names = {ast.unparse(part) for part in ast.walk(node) if isinstance(part, ast.Attribute | ast.Name)}
            if any(name == one or name.endswith(f".{one}") for one in dotted for name in names):
                found.add((inside, function))
    return found


house = a_full_house


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Filled whenever the API's point is asked."""
    seen: list[Any] = []
    real = permissions.granted
    monkeypatch.setattr(permissions, "granted", lambda actor: seen.append(actor) or real(actor))
    return seen


ONES_OWN = {"v1/tokens": "a token of one's own, which gets no more than the one that asks for it has"}
"""Routes that answer without asking who may do what, and why."""


def test_no_route_answers_before_the_point_of_the_api_was_asked(
    house: SimpleNamespace,
    actor_of: Callable[..., Any],
    asked: list[Any],
) -> None:
    """As somebody who is let in, on rows that are there: whatever is not refused outright has asked."""
    passed = []
    for route in [*_routes(), *_admin_pages()]:
        api = route.startswith("v1/")
        client = Client(raise_request_exception=False) if api else _session(house.a.alice)
        bearer = _bearer(house.a.alice, house.a, actor_of) if api else {}
        url = _fill(route, house, house.admin)
        for method in ("GET", "POST"):
            asked.clear()
            answer = _attempt(method, client, url, bearer)
            if not asked and _let_in(method, answer.status_code):
                passed.append((method, route, answer.status_code))
    assert [one for one in passed if one[1] not in ONES_OWN] == []


@pytest.mark.parametrize("route", ["v1/halts", "v1/halt-drills", "v1/halt-triggers"])
def test_a_token_that_may_not_view_reads_no_list(
    world: SimpleNamespace, actor_of: Callable[..., Any], route: str
) -> None:
    for scopes, status in ((["operate"], 403), (["view"], 200)):
        assert Client().get(f"/{route}", headers=_token(world, actor_of, scopes)).status_code == status


def test_a_token_hands_on_no_more_than_it_has(world: SimpleNamespace, actor_of: Callable[..., Any]) -> None:
    few = _token(world, actor_of, ["view"])
    for scopes, status in ((["view"], 201), (["view", "admin"], 403), ([perm.value for perm in Perm], 403)):
        body = {"name": "more", "scopes": scopes}
        answer = Client().post("/v1/tokens", json.dumps(body), content_type="application/json", headers=few)
        assert answer.status_code == status, answer.content


def _token(world: SimpleNamespace, actor_of: Callable[..., Any], scopes: list[str]) -> dict[str, str]:
    side = world.a
    with scope.enter(side.tenant.id):
        made = services.issue_token(
            user_id=side.alice.id,
            name="few",
            scopes=scopes,
            lives=timedelta(hours=1),
            actor=actor_of(side.alice, side.tenant),
        )
    return {"Authorization": f"Bearer {made.secret}"}


ABOUT_OTHERS = {
    ("approvals/powers.py", "holders"): "whom to ask, and whether those who said yes may still say it",
    ("tenants/people.py", "_workspaces"): "what somebody may, shown to an administrator",
    ("tenants/granting.py", "_sweep"): "what a role that was taken back gave",
}
"""Who else reads the rows of permissions, and why: never to let an actor do something."""


def test_permissions_are_read_in_one_place() -> None:
    assert set(_uses("WorkspaceUserPermission.objects")) - set(ABOUT_OTHERS) == {("tenants/permissions.py", "granted")}


def test_a_step_begins_in_one_place_and_only_after_the_runtime_was_asked() -> None:
    assert _uses("kinds.start") == {("workflows/engine/performing.py", "_permitted")}
    assert ("workflows/engine/performing.py", "_permitted") in _uses("permits.may_run")
    assert set(kinds._START) == set(kinds._CARRY_ON) == set(stage._KINDS) == set(StepKind)
    assert {function for file, function in _uses("_KINDS") if file == "workflows/rehearsal/stage.py"} == {
        "_acted",
        "_item",
    }
    refused = {function for file, function in _uses("self._refused") if file == "workflows/rehearsal/stage.py"}
    assert refused == {"_acted", "_item"}


def test_a_call_leaves_through_one_place_and_only_under_a_ruling() -> None:
    assert _uses("verbs.do") == {("connectors/gateway/sending.py", "send")}
    assert _uses("sending.send") == {("connectors/gateway/progress.py", "_send_and_settle")}
    assert _uses("_send_and_settle") == {("connectors/gateway/progress.py", "_go")}
    assert _uses("dispatch.dispatch") == {("connectors/gateway/progress.py", "_go")}
    assert ("connectors/gateway/progress.py", "_go") in _uses("_ruled")
    assert {file for file, _ in _uses("pdp.still_good")} == {"connectors/gateway/dispatch.py"}


ID = "0" * 32
RESTORE = {"sys_id": ID, "fields": {}, "corrects": "x", "reason": "undo"}
ARGS: dict[str, dict[str, Any]] = {
    "interlock.drill.ping": {},
    "interlock.canary.ping": {},
    "llm.generate": ground.triage_args(),
    "servicenow.choices.get": {},
    "servicenow.incident.get": {"sys_id": ID},
    "servicenow.incident.update": ground.update_args(ID),
    "servicenow.incident.restore": RESTORE,
    "servicenow.membership.get": {"user": ID, "group": ID},
    "servicenow.membership.remove": {"user": ID, "group": ID},
    "servicenow.membership.restore": {"user": ID, "group": ID, "removed": ID},
    "servicenow.task.get": {"sys_id": ID},
    "servicenow.task.update": {"sys_id": ID, "fields": {}, "work_note": "Reviewed."},
    "servicenow.task.restore": RESTORE,
    "slack.message.get": {"channel": "C0ITSM", "ts": "1700000000.000000"},
    "slack.message.post": {"channel": "C0ITSM", "text": "hi"},
    "slack.message.update": {"channel": "C0ITSM", "ts": "1700000000.000000", "text": "hi"},
    "slack.message.ephemeral": {"channel": "C0ITSM", "user": "U0SOMEBODY", "text": "hi"},
    "slack.message.direct": {"user": "U0SOMEBODY", "text": "hi"},
    "slack.view.open": {"trigger_id": "t", "view": {}},
    "slack.user.find": {"email": "a@b.test"},
    "slack.usergroup.get": {"usergroup": "S1TEAM"},
    "slack.usergroup.update": {"usergroup": "S1TEAM", "add": [], "remove": ["U0SOMEBODY"]},
}
"""For each tool of each driver, arguments that it accepts."""

INSTANCE = {"llm": "anthropic", "interlock": "interlock"}
TOOLS = sorted((name, tool) for name, driver in registry.DRIVERS.items() for tool in driver.verbs)


@pytest.fixture(scope="module")
def servers() -> Iterator[StandIns]:
    ground.install_manifests()
    with stand_ins.running() as running:
        yield running


def test_every_tool_of_every_driver_is_tried() -> None:
    assert {tool for _, tool in TOOLS} == set(ARGS)


def test_no_tool_of_any_driver_is_sent_that_the_gateways_point_does_not_let_leave(
    world: SimpleNamespace, servers: StandIns, actor_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    side = world.a
    admin = actor_of(side.alice, side.tenant)
    monkeypatch.setattr(sending, "context_for", lambda *_, **__: pytest.fail("a call was about to be sent"))
    with scope.enter(side.tenant.id):
        ground.furnish(side, servers, admin)
        self_calls.install()
        policy_ground.activate_packs(environment_id=side.environment.id, packs={}, actor=admin, reason="", ttl_s=None)
        servers.ctl("reset", {})
        for driver, tool in TOOLS:
            spec = ground.spec_for(side, tool, INSTANCE.get(driver, driver), ARGS[tool])
            done = ground.go(side, spec)
            assert (done.state, done.code.removeprefix("observation_")) == (CallState.DENIED, "default_deny"), tool
    assert servers.log() == []


def _attempt(method: str, client: Client, url: str, bearer: dict[str, str]) -> Any:
    if method == "GET":
        return client.get(url, headers=bearer)
    if bearer:
        return client.post(url, headers=bearer, data=json.dumps(BODY), content_type="application/json")
    return client.post(url, data={**BODY, "trigger": "", "scopes": "view", "packs": ""})


def _let_in(method: str, status: int) -> bool:
    """It answered with something, or did something: a console page that was posted to leads on to another."""
    return status in {200, 201, 202, 204} or (method, status) == ("POST", 302)
