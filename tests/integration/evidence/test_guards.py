"""What guards the tables of the record is looked at each minute, judged, and told in the record."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import psycopg
import pytest
from django.db import transaction

from evidence import guarding, guards, services
from evidence.events import LogHeartbeat
from evidence.models import Event, LogHead
from evidence.verify import envelope
from tenants.actors import Actor
from tests import ground

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def house(
    committed_db: str, world: SimpleNamespace, in_scope: Callable, as_sequencer: Callable, monkeypatch, tmp_path
) -> Iterator[SimpleNamespace]:
    monkeypatch.setattr(guarding, "_file", lambda: tmp_path / "guards")

    def emit() -> None:
        with in_scope(world.a.tenant):
            services.record(LogHeartbeat(1), actor=Actor.system(world.a.tenant.id, "test"))
        while as_sequencer():
            pass

    def told() -> list[tuple[str, list[str], list[str]]]:
        with in_scope(world.a.tenant):
            events = Event.objects.filter(type__startswith="guard.").order_by("id")
            parsed = [envelope.parse_event(bytes(row.body)) for row in events]
            return [(event.type, event.data.get("changes", []), event.data["faults"]) for event in parsed]

    emit()
    with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as admin:
        yield SimpleNamespace(
            admin=admin,
            emit=emit,
            told=told,
            look=lambda: as_sequencer(guarding.attest),
            pressure=lambda: _pressure(in_scope, world),
            heads=lambda: _heads(in_scope, world),
        )


def _pressure(in_scope: Callable, world: SimpleNamespace) -> str | None:
    with in_scope(world.a.tenant):
        return services.backpressure()


def _heads(in_scope: Callable, world: SimpleNamespace) -> LogHead:
    with in_scope(world.a.tenant):
        return LogHead.objects.get(pk=world.a.tenant.id)


def test_a_fresh_database_is_guarded(committed_db: str) -> None:
    with transaction.atomic():
        assert guards.faults(guards.read()) == []


def test_every_append_only_table_of_the_record_is_watched(house: SimpleNamespace) -> None:
    rows = house.admin.execute(
        "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'append_only'"
        " AND tgrelid::regclass::text LIKE 'evidence%'"
    ).fetchall()
    assert {row[0] for row in rows} == guards.APPEND_ONLY


def test_that_all_is_well_is_told_when_something_happened_and_not_without_end(house: SimpleNamespace) -> None:
    house.look()
    assert house.told() == [("guard.changed", [], [])]
    assert house.look() == 0
    house.emit()
    assert house.look() == 1
    house.emit()
    assert [kind for kind, _, _ in house.told()] == ["guard.changed", "guard.attested"]
    assert house.pressure() is None


ATTACKS = {
    "a trigger is disabled": ("ALTER TABLE evidence_event DISABLE TRIGGER append_only", "trigger evidence_event"),
    "a trigger fires for origin sessions only": (
        "ALTER TABLE evidence_leaf ENABLE TRIGGER append_only",
        "trigger evidence_leaf",
    ),
    "a trigger is dropped": ("DROP TRIGGER append_only_whole ON evidence_node", "trigger evidence_node"),
    "a trigger fires never": (
        "DROP TRIGGER append_only ON evidence_leaf; CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON evidence_leaf"
        " FOR EACH ROW WHEN (false) EXECUTE FUNCTION interlock_append_only();"
        " ALTER TABLE evidence_leaf ENABLE ALWAYS TRIGGER append_only",
        "trigger evidence_leaf",
    ),
    "the function lets everything through": (
        "CREATE OR REPLACE FUNCTION interlock_append_only() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN OLD; END $$",
        "trigger evidence_checkpoint",
    ),
    "a trigger of somebody else's": (
        "CREATE FUNCTION helper() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;"
        " CREATE TRIGGER helper BEFORE INSERT ON evidence_event FOR EACH ROW EXECUTE FUNCTION helper()",
        "trigger evidence_event.helper",
    ),
    "row security is not forced": ("ALTER TABLE evidence_shredkey NO FORCE ROW LEVEL SECURITY", "evidence_shredkey"),
    "row security is off": ("ALTER TABLE evidence_event DISABLE ROW LEVEL SECURITY", "table evidence_event"),
    "the table is somebody else's": ("ALTER TABLE evidence_leaf OWNER TO interlock_app", "table evidence_leaf"),
    "the table is swapped": (
        "ALTER TABLE evidence_node RENAME TO gone; CREATE TABLE evidence_node (LIKE gone INCLUDING ALL)",
        "evidence_node",
    ),
    "the app may update": ("GRANT UPDATE ON evidence_event TO interlock_app", "evidence_event.interlock_app"),
    "the app may update a column": (
        "GRANT UPDATE (body) ON evidence_event TO interlock_app",
        "evidence_event.body.interlock_app",
    ),
    "everybody may read": ("GRANT SELECT ON evidence_content TO PUBLIC", "evidence_content.PUBLIC"),
    "the app may delete": ("GRANT DELETE ON evidence_event TO interlock_app", "evidence_event.interlock_app"),
    "the pruner may delete leaves": (
        "GRANT DELETE ON evidence_leaf TO interlock_pruner",
        "evidence_leaf.interlock_pruner",
    ),
    "the pruner does not ask": (
        "CREATE OR REPLACE FUNCTION pruning.prune(listed uuid) RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER"
        " SET search_path = public, pg_temp AS 'DELETE FROM evidence_event; SELECT 1::bigint'",
        "function pruning.prune(uuid)",
    ),
    "the pruner has a second road": (
        "CREATE FUNCTION public.sweep() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM evidence_event';"
        " ALTER FUNCTION public.sweep() OWNER TO interlock_pruner",
        "function sweep()",
    ),
    "everybody may prune": (
        "GRANT EXECUTE ON FUNCTION pruning.prune(uuid) TO PUBLIC",
        "function pruning.prune(uuid)",
    ),
    "the trigger lets the app delete": (
        "CREATE OR REPLACE FUNCTION interlock_pruned_only() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN OLD; END $$",
        "trigger evidence_event",
    ),
    "a rule of the database does not hold": (
        "ALTER TABLE evidence_event DROP CONSTRAINT event_hash_is_of_its_body",
        "event_hash_is_of_its_body",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_guard_that_goes_down_is_told_and_stops_effects_until_it_stands(house: SimpleNamespace, name: str) -> None:
    statement, named = ATTACKS[name]
    house.look()
    house.admin.execute(statement)
    assert house.look() >= 1
    kind, changed, faults = house.told()[-1]
    assert kind == "guard.changed"
    assert changed
    assert any(named in fault for fault in faults)
    assert house.pressure() == "evidence_guard"


def test_effects_go_on_when_the_guard_stands_again(house: SimpleNamespace) -> None:
    house.look()
    house.admin.execute("ALTER TABLE evidence_event DISABLE TRIGGER append_only")
    house.look()
    house.admin.execute("ALTER TABLE evidence_event ENABLE ALWAYS TRIGGER append_only")
    house.look()
    assert house.told()[-1][2] == []
    assert house.pressure() is None
    assert house.heads().guard_faults == ""


def test_a_guard_that_was_down_for_a_moment_between_two_looks_is_noticed(house: SimpleNamespace) -> None:
    house.look()
    house.admin.execute("ALTER TABLE evidence_event DISABLE TRIGGER append_only")
    house.admin.execute("ALTER TABLE evidence_event ENABLE ALWAYS TRIGGER append_only")
    house.look()
    kind, changed, faults = house.told()[-1]
    assert (kind, faults) == ("guard.changed", [])
    assert "trigger evidence_event.append_only was touched and looks as before" in changed


def test_a_role_that_became_powerful_is_a_fault() -> None:
    """Roles belong to the whole server, so this one is judged on a picture."""
    plain = {f"role {role}": "plain|" for role in (guards.OWNER, *guards.SERVANTS)}
    assert list(guards._roles_are_plain(plain)) == []
    for state in ("powerful|", "plain|interlock_owner"):
        assert list(guards._roles_are_plain({**plain, "role interlock_app": state})) != []
    assert list(guards._roles_are_plain({})) != []
