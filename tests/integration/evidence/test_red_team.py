"""The owner of the database, and a superuser of it, try to sell a changed history.

Each of them takes the guards down, changes the record, and puts the guards up again so that they look as before. Every
change must be noticed by the next attestation, by `fsck`, or by an auditor who kept one old head. Then they get every
key and the data folder as well: now only what left the house before can tell, and an auditor who kept nothing is told
so (A1).
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connections, transaction

from controlplane.lib import clock
from controlplane.lib.errors import DomainError
from controlplane.lib.ids import uuid7
from evidence import guarding, keys, retained, services, trust
from evidence.fsck import examine
from evidence.models import LogHead
from evidence.verify import envelope, jcs, merkle
from evidence.verify.dossier import Question
from evidence.verify.findings import Assurance, Report, Verdict
from evidence.verify.trust import Trust, Witness, parse
from evidence.verify.verifier import verify
from tenants import scope
from tenants.actors import Actor
from tests import ground
from tests.integration.evidence.events import Noted

pytestmark = pytest.mark.usefixtures("committed_db")

WORDS = ("one", "two", "three", "four", "five")
TABLES = ("event", "leaf", "node", "checkpoint", "quarantine", "keyringversion", "loghead", "runhead", "pending")
GUARDED = TABLES[:6]
OTHER_WORD = f"replace(body::text, '{b'three'.hex()}', '{b'THREE'.hex()}')::bytea"
ANOTHER_WORD = (
    f"UPDATE evidence_event SET body = {OTHER_WORD},"
    rf" event_hash = sha256('\x6576622e6576656e742e763100'::bytea || {OTHER_WORD})"
)
THIRD = "run_id = %(run)s AND run_seq = 3"
LEAF_OF_THIRD = f"id = (SELECT id FROM evidence_event WHERE {THIRD})"

ATTACKS: dict[str, list[str]] = {
    "another word in an event": [f"{ANOTHER_WORD} WHERE {THIRD}"],
    "another word in an event, and a leaf that fits it": [
        f"CREATE TEMP TABLE old AS SELECT id, encode(event_hash, 'hex') AS was FROM evidence_event WHERE {THIRD}",
        f"{ANOTHER_WORD} WHERE {THIRD}",
        "CREATE TEMP TABLE new AS SELECT leaf.id, convert_to(replace(convert_from(leaf, 'UTF8'), was,"
        " encode(event_hash, 'hex')), 'UTF8') AS leaf FROM evidence_leaf leaf JOIN old USING (id)"
        " JOIN evidence_event USING (id)",
        r"UPDATE evidence_leaf SET leaf = new.leaf, leaf_hash = sha256('\x00'::bytea || new.leaf)"
        " FROM new WHERE evidence_leaf.id = new.id",
    ],
    "an event that is gone": [f"DELETE FROM evidence_event WHERE {THIRD}"],
    "an event and its leaf that are gone": [
        f"DELETE FROM evidence_leaf WHERE {LEAF_OF_THIRD}",
        f"DELETE FROM evidence_event WHERE {THIRD}",
    ],
    "the end of the log cut off": [
        "DELETE FROM evidence_leaf WHERE log_id = %(log)s AND index >= 3",
        "DELETE FROM evidence_checkpoint WHERE log_id = %(log)s AND size > 3",
        "DELETE FROM evidence_event WHERE run_id = %(run)s AND run_seq > 3",
        "UPDATE evidence_runhead SET seq = 3, closed_seq = 3 WHERE id = %(run)s",
        "UPDATE evidence_loghead SET size = 3, signed_size = 3 WHERE id = %(log)s",
    ],
    "the whole log gone": [
        "DELETE FROM evidence_leaf WHERE log_id = %(log)s",
        "DELETE FROM evidence_checkpoint WHERE log_id = %(log)s",
        "DELETE FROM evidence_event WHERE log_id = %(log)s",
        "DELETE FROM evidence_loghead WHERE id = %(log)s",
        "DELETE FROM evidence_runhead WHERE log_id = %(log)s",
    ],
    "leaves in another order": [
        "UPDATE evidence_leaf SET index = -1 WHERE log_id = %(log)s AND index = 2",
        "UPDATE evidence_leaf SET index = 2 WHERE log_id = %(log)s AND index = 1",
        "UPDATE evidence_leaf SET index = 1 WHERE log_id = %(log)s AND index = -1",
    ],
    "a signed head gone": ["DELETE FROM evidence_checkpoint WHERE log_id = %(log)s"],
    "a signed head over something else": ["UPDATE evidence_checkpoint SET root = sha256(root) WHERE log_id = %(log)s"],
    "the columns of an event lie": [f"UPDATE evidence_event SET type = 'run.closed' WHERE {THIRD}"],
    "an event slipped in": [
        "INSERT INTO evidence_event (id, created_at, tenant_id, log_id, run_id, run_seq, type, body, event_hash, mac)"
        " SELECT gen_random_uuid(), now(), tenant_id, log_id, run_id, 7, type, body, event_hash, mac"
        f" FROM evidence_event WHERE {THIRD}",
    ],
    "the keyring gone": ["DELETE FROM evidence_keyringversion WHERE tenant_id = %(tenant)s"],
    "the table exchanged for a copy": [
        "CREATE TABLE evidence_copy (LIKE evidence_leaf INCLUDING ALL)",
        f"INSERT INTO evidence_copy SELECT * FROM evidence_leaf WHERE NOT ({LEAF_OF_THIRD})",
        "ALTER TABLE evidence_leaf RENAME TO evidence_hidden",
        "ALTER TABLE evidence_copy RENAME TO evidence_leaf",
        "ALTER TABLE evidence_leaf ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY all_rows ON evidence_leaf USING (true)",
        "GRANT SELECT ON evidence_leaf TO interlock_app, interlock_reader",
        "GRANT SELECT, INSERT ON evidence_leaf TO interlock_sequencer",
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON evidence_leaf"
        " FOR EACH ROW EXECUTE FUNCTION public.interlock_append_only()",
        "CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON evidence_leaf"
        " FOR EACH STATEMENT EXECUTE FUNCTION public.interlock_append_only()",
    ],
}


@dataclass
class House:
    """A run on record, sealed; an auditor who kept its head; `hands` of the attacker."""

    tenant: UUID
    log: UUID
    run: UUID
    alice: Actor
    trusted: Trust
    note: str
    size: int
    as_sequencer: Callable
    hands: psycopg.Connection

    @property
    def names(self) -> dict[str, UUID]:
        return {"tenant": self.tenant, "log": self.log, "run": self.run}

    def seal(self) -> None:
        while self.as_sequencer():
            pass

    def export(self) -> bytes:
        with scope.enter(self.tenant):
            return services.export_run(run_id=self.run, actor=self.alice, known_sizes=[self.size], timeout_s=0.2)

    def audit(self, *known: str, **trusted: object) -> Report:
        return verify(self.export(), Question(replace(self.trusted, **trusted), known, clock.now_ms()))

    def noticed(self) -> dict[str, object]:
        """Who says that something is wrong, and what."""
        self.as_sequencer(guarding.attest)
        with scope.enter(self.tenant):
            found = {"fsck": {finding.code for finding in examine.tenant(self.tenant)}}
        found |= {"attestation": self._attested(), "auditor": self._audited()}
        return {who: what for who, what in found.items() if what}

    def _attested(self) -> list[str]:
        rows = self.hands.execute(
            "SELECT body FROM evidence_event WHERE type = 'guard.changed' AND tenant_id = %s", [self.tenant]
        ).fetchall()
        told = [envelope.parse_event(bytes(body)).data for (body,) in rows]
        return [str(line) for data in told for line in (*data["changes"], *data["faults"])]

    def _audited(self) -> str:
        try:
            report = self.audit(self.note)
        except (DomainError, LookupError) as error:
            return f"no bundle: {type(error).__name__}"
        return "" if report.verdict is Verdict.VERIFIED else report.verdict.name


@pytest.fixture
def house(
    committed_db: str,
    world: SimpleNamespace,
    actor_of: Callable,
    as_sequencer: Callable,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[House]:
    monkeypatch.setattr(guarding, "_file", lambda: tmp_path / "guards")
    monkeypatch.setattr(retained, "_path", lambda log_id: tmp_path / "signed" / str(log_id))
    tenant, run, log = world.a.tenant.id, uuid7(), world.a.workspace.id
    with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as hands:
        alice, trusted = actor_of(world.a.alice, world.a.tenant), parse(json.dumps(trust.export(tenant)).encode())
        made = House(tenant, log, run, alice, trusted, "", 0, as_sequencer, hands)
        _record(made)
        made.seal()
        made.note = made.audit().note
        made.size = int(made.note.split("\n")[1])
        made.seal()
        as_sequencer(guarding.attest)
        made.seal()
        yield made


def _record(house: House) -> None:

    actor = Actor.system(house.tenant, "test")
    with scope.enter(house.tenant), transaction.atomic():
        for word in WORDS:
            services.record(Noted(word), actor=actor, workspace_id=house.log, run_id=house.run)
        services.close_run(run_id=house.run, actor=actor)


def _attack(house: House, role: str, statements: list[str]) -> None:
    """Guards down, the change, guards up again as they were."""
    hands = house.hands
    if role == "owner":
        hands.execute("SET SESSION AUTHORIZATION interlock_owner")
    for table in GUARDED:
        hands.execute(f"ALTER TABLE evidence_{table} DISABLE TRIGGER USER")
    for table in TABLES:
        hands.execute(f"ALTER TABLE evidence_{table} NO FORCE ROW LEVEL SECURITY")
    for statement in statements:
        done = hands.execute(statement, house.names if "%(" in statement else None)
        assert done.rowcount != 0, statement
    for table in GUARDED:
        for trigger in ("append_only", "append_only_whole"):
            hands.execute(f"ALTER TABLE evidence_{table} ENABLE ALWAYS TRIGGER {trigger}")
    for table in TABLES:
        hands.execute(f"ALTER TABLE evidence_{table} FORCE ROW LEVEL SECURITY")
    hands.execute("RESET SESSION AUTHORIZATION")
    connections.close_all()


def test_nobody_raises_an_alarm_when_nothing_was_changed(house: House) -> None:
    assert house.noticed() == {}


@pytest.mark.parametrize("role", ["owner", "superuser"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_every_change_is_noticed(house: House, role: str, attack: str) -> None:
    """Not by the attestation alone: a superuser can edit the catalogue as well, and so silence it."""
    _attack(house, role, ATTACKS[attack])
    noticed = house.noticed()
    assert "attestation" in noticed
    assert {"fsck", "auditor"} & set(noticed)


def test_with_every_key_a_whole_new_history_can_be_made_and_only_what_left_the_house_tells(house: House) -> None:
    """The known limit: who kept nothing is shown a good bundle, and told that its assurance is A1 and why."""
    _rewrite_everything(house)
    nothing = house.audit()
    assert (nothing.verdict, nothing.assurance) == (Verdict.VERIFIED, Assurance.A1)
    assert "a rewrite by the operator would not show" in nothing.text()
    pinned = house.audit(house.note)
    assert pinned.verdict in {Verdict.EQUIVOCATION, Verdict.TAMPERED, Verdict.INCOMPLETE}
    somebody = Witness("witness.test", Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    witnessed = house.audit(witnesses=(somebody,))
    assert (witnessed.verdict, witnessed.failures) == (Verdict.UNTRUSTED, ["WITNESS-QUORUM"])


def _rewrite_everything(house: House) -> None:
    """With the database, the data folder and all keys: the third event is another, and all that follows fits."""
    hands = house.hands
    hands.execute("SET session_replication_role = replica")
    for table in GUARDED:
        hands.execute(f"ALTER TABLE evidence_{table} DISABLE TRIGGER USER")
    _rewrite_run(house)
    for table in ("leaf", "node", "checkpoint"):
        hands.execute(f"DELETE FROM evidence_{table} WHERE log_id = %s", [house.log])
    hands.execute(
        "UPDATE evidence_loghead SET size = 0, peaks = '', last_leaf = '', signed_size = 0 WHERE id = %s", [house.log]
    )
    hands.execute(
        "INSERT INTO evidence_pending (created_at, tenant_id, event_id, log_id)"
        " SELECT now(), tenant_id, id, log_id FROM evidence_event WHERE log_id = %s ORDER BY id",
        [house.log],
    )
    shutil.rmtree(retained._path(house.log).parent)
    for table in GUARDED:
        for trigger in ("append_only", "append_only_whole"):
            hands.execute(f"ALTER TABLE evidence_{table} ENABLE ALWAYS TRIGGER {trigger}")
    house.seal()


def _rewrite_run(house: House) -> None:
    rows = house.hands.execute(
        "SELECT id, body FROM evidence_event WHERE run_id = %s ORDER BY run_seq", [house.run]
    ).fetchall()
    chain: list[bytes] = []
    for event_id, body in rows:
        members = jcs.loads_object(bytes(body))
        if chain:
            members["run"]["prev"] = chain[-1].hex()
        if len(chain) == 2:
            members["data"]["text"] = "THREE"
        if members["type"] == "run.sealed":
            members["data"]["root"] = merkle.root_of([merkle.leaf_hash(hashed) for hashed in chain]).hex()
        changed = jcs.dumps(members)
        chain.append(envelope.event_hash(changed))
        house.hands.execute(
            "UPDATE evidence_event SET body = %s, event_hash = %s, mac = %s WHERE id = %s",
            [changed, chain[-1], keys.mac(house.tenant, changed), event_id],
        )
    house.hands.execute("UPDATE evidence_runhead SET last_hash = %s WHERE id = %s", [chain[-1], house.run])


def test_a_frozen_log_says_so_to_everybody(house: House) -> None:
    """The sequencer does not sign over what was changed: it stops, and so does everything with an effect."""
    _attack(house, "superuser", ATTACKS["the end of the log cut off"])
    _record(replace(house, run=uuid7()))
    house.as_sequencer()
    with scope.enter(house.tenant), transaction.atomic():
        assert LogHead.objects.get(pk=house.log).frozen_reason
        assert services.backpressure() == "evidence_log_frozen"
