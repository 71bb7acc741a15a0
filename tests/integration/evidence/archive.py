"""A workspace with a past, part of which is older than its record is kept."""

import json
from types import SimpleNamespace
from uuid import UUID

import psycopg
from django.db import connection

from controlplane.lib import clock
from evidence import exports, pruning, services, trust
from evidence.fsck import examine
from evidence.models import Event, Leaf, LogHead, Pruning
from evidence.verify import dsse
from evidence.verify.dossier import Question
from evidence.verify.findings import Report
from evidence.verify.pruning import PAYLOAD_TYPE, Pruned
from evidence.verify.trust import parse
from evidence.verify.verifier import verify
from tenants import scope
from tests import ground
from tests.integration.evidence.events import Noted
from tests.unit.evidence.forge import signer


class Archive(SimpleNamespace):
    """A workspace whose record is kept for half a year."""

    def tell(self, run_id: UUID, *words: str, close: bool = True) -> None:
        with self.in_scope(self.tenant):
            for word in words:
                services.record(Noted(word), actor=self.system, workspace_id=self.log, run_id=run_id)
            services.record(Noted("loose"), actor=self.system, workspace_id=self.log)
            if close:
                services.close_run(run_id=run_id, actor=self.system)

    def seal(self) -> None:
        while self.as_sequencer():
            pass

    def prune(self) -> int:
        with scope.enter(self.tenant):
            return pruning.prune(log_id=self.log, actor=self.alice)

    def period(self) -> bytes:
        with scope.enter(self.tenant):
            return exports.export_period(log_id=self.log, actor=self.alice)

    def run_bundle(self, run_id: UUID) -> bytes:
        with scope.enter(self.tenant):
            return services.export_run(run_id=run_id, actor=self.alice, timeout_s=0.2)

    def judge(self, bundle: bytes, *known: str) -> Report:
        trusted = parse(json.dumps(trust.export(self.tenant)).encode())
        return verify(bundle, Question(trusted, known, clock.now_ms()))

    def left(self, run_id: UUID) -> int:
        with self.in_scope(self.tenant):
            return Event.objects.filter(run_id=run_id).count()

    def faults(self) -> list[str]:
        return sorted({finding.code for finding in examine.everything(self.tenant)})

    def listed(self, run_id: UUID, **changes: object) -> str:
        """A list of the leaves of a run, as it would have to be signed."""
        with self.in_scope(self.tenant):
            ids = Event.objects.filter(run_id=run_id).values_list("pk", flat=True)
            found = sorted(Leaf.objects.filter(pk__in=list(ids)).values_list("index", flat=True))
            origin = LogHead.objects.get(pk=self.log).origin
        spans = pruning._spans(found)
        told = Pruned(origin, tuple(spans), 183, clock.now_ms())
        return dsse.seal(PAYLOAD_TYPE, told.payload(), changes.get("by", signer())).decode()  # type: ignore[arg-type]

    def order(self, text: str) -> None:
        """What the app could try: a list of its own, and the function of the database."""
        with self.in_scope(self.tenant):
            made = Pruning.objects.create(log_id=self.log, envelope=text)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pruning.prune(%s)", [made.pk])


def nothing_happened_today(database: str) -> None:
    """A log does not go back in time, so what the world's making told is struck out before the past is written."""
    with psycopg.connect(ground.superuser_dsn(database), autocommit=True) as hands:
        hands.execute("ALTER TABLE evidence_event DISABLE TRIGGER USER")
        hands.execute("DELETE FROM evidence_pending")
        hands.execute("DELETE FROM evidence_event")
        hands.execute("ALTER TABLE evidence_event ENABLE ALWAYS TRIGGER append_only")
        hands.execute("ALTER TABLE evidence_event ENABLE ALWAYS TRIGGER append_only_whole")
