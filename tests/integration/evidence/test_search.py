"""The record is searched by ticket, run, person and time; nobody finds what they may not see."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client

from controlplane.lib import clock
from controlplane.lib.errors import Invalid
from controlplane.lib.ids import uuid7
from evidence import access, services
from evidence.events import LogHeartbeat
from evidence.searching import Wanted
from tenants.actors import Actor
from tests.running import stopped_run
from workflows.access import search_evidence

pytestmark = pytest.mark.usefixtures("committed_db")


def wanted(**given: str) -> Wanted:
    return Wanted.read({name: [text] for name, text in given.items()})


@pytest.fixture
def found(world: SimpleNamespace, in_scope: Callable, actor_of: Callable) -> Callable[..., list[dict[str, Any]]]:
    def search(user: object, **given: Any) -> list[dict[str, Any]]:
        actor = actor_of(user, world.a.tenant)
        page = {name: given.pop(name) for name in ("before", "limit") if name in given}
        with in_scope(world.a.tenant):
            return [line for _, line in access.search(actor, wanted=wanted(**given), **page)]

    return search


@pytest.fixture
def noted(world: SimpleNamespace, in_scope: Callable) -> Callable[..., UUID]:
    """An event of a run, by somebody; returns the run."""

    def note(actor: Actor, run_id: UUID | None = None) -> UUID:
        run_id = run_id or uuid7()
        with in_scope(world.a.tenant):
            services.record(LogHeartbeat(0), actor=actor, workspace_id=world.a.workspace.id, run_id=run_id)
        return run_id

    return note


def test_a_person_is_found_by_name_and_by_id(
    world: SimpleNamespace, found: Callable, noted: Callable, actor_of: Callable
) -> None:
    run = noted(actor_of(world.a.alice, world.a.tenant))
    noted(Actor.system(world.a.tenant.id, "test"))
    for who in (str(world.a.alice.id), world.a.alice.username, world.a.alice.username.upper()):
        lines = found(world.a.dana, actor=who)
        assert {line["actor_id"] for line in lines} == {str(world.a.alice.id)}
        assert run in {line["run"] for line in lines}
    assert found(world.a.dana, actor="nobody") == []


def test_a_run_and_a_range_of_time_narrow(world: SimpleNamespace, found: Callable, noted: Callable) -> None:
    run = noted(Actor.system(world.a.tenant.id, "test"))
    noted(Actor.system(world.a.tenant.id, "test"))
    assert {line["run"] for line in found(world.a.dana, run=str(run))} == {run}
    later, earlier = clock.now() + timedelta(hours=1), clock.now() - timedelta(hours=1)
    assert found(world.a.dana, run=str(run), since=earlier.isoformat(), until=later.isoformat())
    assert found(world.a.dana, run=str(run), since=later.isoformat()) == []
    assert found(world.a.dana, run=str(run), until=earlier.isoformat()) == []


def test_pages_follow_one_another(world: SimpleNamespace, found: Callable, noted: Callable) -> None:
    system = Actor.system(world.a.tenant.id, "test")
    runs = [noted(system) for _ in range(5)]
    first = found(world.a.dana, limit=2)
    second = found(world.a.dana, limit=2, before=UUID(first[-1]["id"]))
    assert [line["run"] for line in (*first, *second)] == runs[:0:-1]


def test_a_ticket_stands_for_its_runs(world: SimpleNamespace, in_scope: Callable, actor_of: Callable) -> None:
    run = stopped_run(world)
    with in_scope(world.a.tenant):
        actor = actor_of(world.a.dana, world.a.tenant)
        lines = [line for _, line in search_evidence(actor, wanted=wanted(ticket=run.ticket_number))]
        assert {line["run"] for line in lines} == {run.id}
        assert search_evidence(actor, wanted=wanted(ticket="INC9999999")) == []


def test_a_stranger_finds_nothing(
    world: SimpleNamespace, in_scope: Callable, noted: Callable, actor_of: Callable
) -> None:
    run = noted(Actor.system(world.a.tenant.id, "test"))
    with in_scope(world.b.tenant):
        charlie = actor_of(world.b.charlie, world.b.tenant)
        for given in ({"run": str(run)}, {"log": str(world.a.workspace.id)}, {}):
            assert run not in {line["run"] for _, line in access.search(charlie, wanted=wanted(**given))}


@pytest.mark.parametrize("given", [{"run": "x"}, {"since": "x"}, {"since": "2026-01-02", "until": "2026-01-01"}])
def test_what_cannot_be_meant_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        wanted(**given)


def test_a_person_is_found_by_an_index(world: SimpleNamespace, in_scope: Callable) -> None:
    """Row security keeps what could leak out of indexes: the comparison must not be one of those."""
    with in_scope(world.a.tenant), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        asked = "SELECT id FROM evidence_event WHERE tenant_id = %s AND log_id = %s AND acted = %s ORDER BY id DESC"
        values = [world.a.tenant.id, world.a.workspace.id, str(world.a.alice.id).encode()]
        cursor.execute(f"EXPLAIN {asked} LIMIT 50", values)
        plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "event_by_actor" in plan
        assert "Sort" not in plan


def test_the_page_searches_and_says_what_cannot_be_meant(
    client: Client, world: SimpleNamespace, noted: Callable
) -> None:
    run = noted(Actor.system(world.a.tenant.id, "test"))
    client.force_login(world.a.dana)
    page = client.get("/o/a/evidence/events/", {"run": str(run), "since": "2026-01-01T00:00"}).content.decode()
    assert f"/o/a/runs/{run}/" in page
    assert 'value="2026-01-01T00:00"' in page
    refused = client.get("/o/a/evidence/events/", {"since": "yesterday"})
    assert refused.status_code == 422
    assert 'value="yesterday"' not in refused.content.decode()
