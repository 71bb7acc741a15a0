"""Every route of the product, walked by a stranger.

The routes come from the URL configuration, the rows of tenant A from the catalogue, so a new route or model is
covered by existing; a route whose parameter nobody can fill in fails the suite. Charlie belongs to B only: of A
he gets 404, and no row of A changes. Alice and Bob, who belong to A, are let in.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from psycopg import sql

from tenants import scope, services
from tenants.admin_base import site
from tenants.roles import Perm
from tests import ground
from tests.made_up import GLOBAL_TABLES, drop_checks, insert, owner_column, row, tables

NOT_A_TENANTS = {
    "healthz": "says that the process lives",
    "readyz": "says that the database answers",
    "": "sends a person to their own organisation",
    "login/": "for everybody",
    "login/code/": "the second stage of signing in",
    "login/passkey/": "for everybody",
    "login/sso/": "for everybody",
    "login/sso/<slug:provider_id>/": "the door of a tenant; tests/integration/console/test_sso.py",
    "login/sso/<slug:provider_id>/callback/": "the door of a tenant; tests/integration/console/test_sso.py",
    "logout/": "ends one's own session",
    "account/": "one's own account",
    "account/password/": "one's own account",
    "account/prove/password/": "one's own account",
    "account/prove/code/": "one's own account",
    "account/prove/passkey/": "one's own account",
    "account/prove/organisation/": "one's own account",
    "account/code/add/": "one's own account",
    "account/code/remove/": "one's own account",
    "account/passkeys/": "one's own account",
    "account/passkeys/add/": "one's own account",
    "account/passkeys/<int:pk>/remove/": "one's own account; tests/integration/console/test_second_factors.py",
    "account/sessions/": "one's own sessions",
    "theme/": "a cookie of one's own",
    "break-glass/": "for platform operators; tests/integration/console/test_break_glass.py",
    "csp-report/": "a browser reports what it blocked",
    "v1/openapi.json": "the public description of the API",
    "v1/schemas": "describes our documents, holds nothing of a tenant",
    "v1/schemas/<slug:name>": "describes our documents, holds nothing of a tenant",
    "hooks/<str:token>": "signed by the sender; tests/integration/connectors",
    "slack/<str:token>": "signed by Slack; tests/integration/connectors",
}
"""Routes without a tenant in URL or token, and why."""

ROW_OF = {
    "approvals": "approvals_approvalrequest",
    "approval-delegations": "approvals_delegation",
    "delegations": "approvals_delegation",
    "budgets": "metering_budget",
    "bundles": "policies_bundle",
    "calls": "connectors_toolcall",
    "connectors": "connectors_connectorinstance",
    "dead-letters": "workflows_deadletter",
    "decisions": "policies_decisionrecord",
    "drafts": "policies_draft",
    "redrive-jobs": "workflows_redrivejob",
    "redrives": "workflows_redrivejob",
    "environments": "tenants_environment",
    "halts": "tenants_halt",
    "halt-triggers": "tenants_halttrigger",
    "triggers": "tenants_halttrigger",
    "people": "tenants_membership.user_id",
    "memberships": "tenants_membership",
    "services": "tenants_serviceidentity",
    "break-glass": "tenants_breakglass",
    "glass": "tenants_breakglass",
    "policies": "tenants_environment",
    "policy-activations": "policies_activation",
    "policy-drafts": "policies_draft",
    "prices": "metering_modelprice",
    "reconcile": "connectors_reconciletask",
    "reconcile-tasks": "connectors_reconciletask",
    "runs": "workflows_run",
    "simulations": "policies_simulation",
    "slack": "connectors_slacklinking",
    "linked": "connectors_slackidentity",
    "tokens": "tenants_apitoken",
    "workflows": "workflows_workflow",
    "evidence": "workflows_run",
    "exports": "evidence_exportjob",
    "logs": "evidence_loghead",
}
"""Which table's row a parameter means, by the path segment before it; after a dot its column, when not the id."""

BODY = {
    "verdict": "approve",
    "answer": "landed",
    "note": "because I can",
    "reason": "because I can",
    "seen_digest": "0" * 64,
    "digest": "0" * 64,
    "kind": "tenant",
    "mode": "freeze",
    "workflow": "x",
    "environment": "prod",
    "trigger": {},
    "name": "x",
    "role": "viewer",
    "scopes": ["view"],
    "packs": {"x": {"source": "package interlock.packs.x"}},
    "pack": "x",
    "source": "package interlock.packs.x",
    "version": "1.0.0",
}


def _routes() -> list[str]:
    def walk(patterns: Any, prefix: str) -> Iterator[str]:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                if not path.startswith("admin/"):
                    yield from walk(pattern.url_patterns, path)
            elif isinstance(pattern, URLPattern):
                yield path

    return sorted(set(walk(get_resolver().url_patterns, "")) - set(NOT_A_TENANTS))


def _admin_pages() -> list[str]:
    lists = [f"o/<slug:tenant>/admin/{m._meta.app_label}/{m._meta.model_name}/" for m in site._registry]
    return ["o/<slug:tenant>/admin/", *sorted(lists)]


def _fill(route: str, world: SimpleNamespace, admin: psycopg.Connection, slug: str = "a") -> str:
    """The URL of A's row; fails for a parameter that no table is known for."""
    path = route.replace("<slug:tenant>", slug)
    while match := re.search(r"([\w-]+)/<(?:\w+:)?(\w+)>", path):
        table = ROW_OF.get(match[1])
        assert table, f"{route}: say in ROW_OF which table's row <{match[2]}> means after {match[1]}/"
        table, _, column = table.partition(".")
        found = admin.execute(
            sql.SQL("SELECT {} FROM {} WHERE {} = %s LIMIT 1").format(
                sql.Identifier(column or "id"), sql.Identifier(table), sql.Identifier(owner_column(table))
            ),
            [world.a.tenant.id],
        ).fetchone()
        path = path[: match.start()] + f"{match[1]}/{found[0]}" + path[match.end() :]
    assert "<" not in path, f"{route}: a parameter has no cover"
    return "/" + path


def _fingerprint(admin: psycopg.Connection, tenant_id: Any) -> dict[str, str]:
    """Every row of a tenant, table by table."""
    prints = {}
    for table in tables(admin):
        if table not in GLOBAL_TABLES:
            query = sql.SQL(
                "SELECT count(*) || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
                " FROM {} t WHERE {} = %s"
            )
            found = admin.execute(query.format(sql.Identifier(table), sql.Identifier(owner_column(table))), [tenant_id])
            prints[table] = found.fetchone()[0]
    return prints


@pytest.fixture
def house(committed_db: str, world: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """Both tenants with people, and at least one made-up row of A in every tenant table."""
    with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        for table in tables(admin):
            if table not in GLOBAL_TABLES | {"tenants_tenant"}:
                drop_checks(admin, table)
                insert(admin, table, row(admin, table, str(world.a.tenant.id)))
        yield SimpleNamespace(admin=admin, **vars(world))


def _session(user: Any) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def _bearer(user: Any, side: SimpleNamespace, actor_of: Callable) -> dict[str, str]:
    with scope.enter(side.tenant.id):
        made = services.issue_token(
            user_id=user.id,
            name="walk",
            scopes=[p.value for p in Perm],
            lives=timedelta(hours=1),
            actor=actor_of(user, side.tenant),
        )
    return {"Authorization": f"Bearer {made.secret}"}


def _attempts(client: Client, url: str, headers: dict[str, str]) -> dict[str, Any]:
    form = {"data": BODY} if not headers else {"data": json.dumps(BODY), "content_type": "application/json"}
    if not headers:
        form["data"] = {**BODY, "trigger": "", "scopes": "view", "packs": ""}
    return {"GET": client.get(url, headers=headers), "POST": client.post(url, headers=headers, **form)}


def test_a_stranger_finds_nothing_and_changes_nothing(house: SimpleNamespace, actor_of: Callable) -> None:
    session, bearer = _session(house.charlie), _bearer(house.charlie, house.b, actor_of)
    before = _fingerprint(house.admin, house.a.tenant.id)
    seen = []
    for route in [*_routes(), *_admin_pages()]:
        api = route.startswith("v1/")
        url = _fill(route, house, house.admin)
        names_a = not api or "<" in route
        for method, answer in _attempts(session if not api else Client(), url, bearer if api else {}).items():
            if names_a and answer.status_code not in {404, 405}:
                seen.append((method, url, answer.status_code))
            if not names_a and str(house.a.tenant.id) in answer.content.decode(errors="replace"):
                seen.append((method, url, "shows A"))
    assert seen == []
    assert _fingerprint(house.admin, house.a.tenant.id) == before


def test_a_row_of_a_is_not_there_under_the_strangers_own_address(house: SimpleNamespace) -> None:
    """A GET of an action's address may lead back to one's own list; nothing else answers."""
    session = _session(house.charlie)
    hidden = {"GET": {404, 405, 302}, "POST": {404, 405}}
    seen = []
    for route in _routes():
        if route.startswith("o/") and route.count("<") > 1:
            url = _fill(route, house, house.admin, slug="b")
            found = _attempts(session, url, {})
            seen += [(m, url, a.status_code) for m, a in found.items() if a.status_code not in hidden[m]]
    assert seen == []


def test_nobody_gets_in_without_signing_in(house: SimpleNamespace) -> None:
    seen = []
    for route in [*_routes(), *_admin_pages()]:
        answer = Client().get(_fill(route, house, house.admin))
        expected = {401, 405} if route.startswith("v1/") else {302, 404, 405}
        if answer.status_code not in expected or (answer.status_code == 302 and "/login/" not in answer["Location"]):
            seen.append((route, answer.status_code))
    assert seen == []


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_members_open_every_list(world: SimpleNamespace, actor_of: Callable, name: str) -> None:
    """On a tenant without runs: the empty state of every list is a page, not an error."""
    user = getattr(world.a, name)
    session, bearer = _session(user), _bearer(user, world.a, actor_of)
    refused = {}
    for route in [r for r in _routes() if r.count("<") == (0 if r.startswith("v1/") else 1)]:
        api = route.startswith("v1/")
        answer = (Client() if api else session).get(
            "/" + route.replace("<slug:tenant>", "a"), headers=bearer if api else {}
        )
        if answer.status_code not in {200, 302, 403, 405}:
            refused[route] = answer.status_code
    assert refused == {}


def test_every_permission_that_a_role_names_exists(db: None) -> None:
    known = set(Permission.objects.filter(content_type__app_label="tenants").values_list("codename", flat=True))
    assert {p.value for p in Perm} <= known
    assert connection.settings_dict["USER"] == "interlock_app"
