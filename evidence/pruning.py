"""Pruning: what is older than the tenant keeps its record leaves the database. Leaves, tree and heads stay for ever.

Each round signs a list of the leaves that lose their events; the list, the word in the log and the removal are one
transaction. The removal itself is a function of the database (`evidence.pruned`), which compares for itself.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from controlplane.lib import clock
from controlplane.lib.errors import NotFound
from evidence import keeping, keyrings, recording, shredding
from evidence.errors import RunPruned
from evidence.events import LogPruned
from evidence.heads import End
from evidence.models import Checkpoint, Leaf, LogHead, Pruning, Retention, RunHead
from evidence.verify import dsse, envelope
from evidence.verify.pruning import DAY_MS, PAYLOAD_TYPE, Pruned, Span, parse
from tenants import scope
from tenants.actors import Actor
from tenants.permissions import Perm, require

Due = tuple[UUID, int, UUID | None]
"""An event, the index of its leaf, its run."""

KEPT = ("event.quarantined", "log.continued", "log.pruned")
"""What later checks of the log stand on."""

_DUE = """
SELECT l.id, l.index, e.run_id FROM evidence_leaf l JOIN evidence_event e ON e.id = l.id
 WHERE l.tenant_id = %(tenant)s AND l.log_id = %(log)s AND l.index < %(until)s AND e.type <> ALL (%(kept)s)
   AND (e.run_id IS NULL OR (
        EXISTS (SELECT 1 FROM evidence_runhead h WHERE h.id = e.run_id AND h.closed_seq = h.seq)
        AND NOT EXISTS (SELECT 1 FROM evidence_event o LEFT JOIN evidence_leaf ol ON ol.id = o.id
                         WHERE o.run_id = e.run_id AND coalesce(ol.index >= %(until)s, true))
        AND NOT EXISTS (SELECT 1 FROM evidence_legalhold h WHERE h.run_id = e.run_id AND h.released_at IS NULL)))
 ORDER BY l.index
"""


@transaction.atomic(durable=True)
def prune(*, log_id: UUID, actor: Actor) -> int:
    """Remove the events of a log whose time is over; returns how many. Needs ADMIN of a person; raises NotFound.

    A run goes whole, once its last event is old enough, and not while a legal hold is on it.
    """
    if actor.is_person:
        require(actor, Perm.ADMIN)
    head = LogHead.objects.filter(pk=log_id).first()
    if head is None:
        raise NotFound
    _take_turn(log_id)
    days = (Retention.objects.first() or Retention()).audit_days
    due = _due_for_good(log_id, _first_young(log_id, days))
    if due:
        _remove(head, days, due, actor)
    return len(due)


def prune_all(tenant_id: UUID) -> int:
    """All logs of the entered tenant, for the sweeper."""
    with transaction.atomic():
        logs = list(LogHead.objects.filter(frozen_reason="").order_by("pk").values_list("pk", flat=True))
    return sum(prune(log_id=log_id, actor=Actor.system(tenant_id, "sweeper")) for log_id in logs)


def require_whole(head: RunHead | End) -> None:
    """Raises RunPruned for a run of which only leaves are left."""
    if head.pruned:
        raise RunPruned(f"the time of the run {head.id} is over: only its leaves are left, in bundles of periods")


def lists_of(log_id: UUID, first: int, end: int) -> list[bytes]:
    """The signed lists that have leaves of this range, oldest first."""
    envelopes = Pruning.objects.filter(log_id=log_id).order_by("id").values_list("envelope", flat=True)
    return [text.encode() for text in envelopes if any(_meets(span, first, end) for span in spans_of(text))]


def spans_of(text: str) -> Sequence[Span]:
    return parsed(text).spans


def parsed(text: str) -> Pruned:
    """What a list says; raises Malformed."""
    return parse(dsse.parse(text.encode(), PAYLOAD_TYPE).payload)


def _meets(span: Span, first: int, end: int) -> bool:
    return span[0] < end and span[1] > first


def _take_turn(log_id: UUID) -> None:
    """Until the transaction ends; whoever comes second finds nothing left to do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"prune {log_id}"])


def _first_young(log_id: UUID, days: int) -> int:
    """The first leaf that is kept, among those under a signed head: leaves do not go back in time."""
    newest = Checkpoint.objects.filter(log_id=log_id).order_by("size").last()
    oldest_kept = clock.now_ms() - days * DAY_MS

    def time_of(index: int) -> int:
        leaf = Leaf.objects.get(log_id=log_id, index=index)
        return envelope.parse_leaf(bytes(leaf.leaf)).time_ms

    return bisect_right(range(newest.size if newest else 0), oldest_kept, key=time_of)


def _due_for_good(log_id: UUID, until: int) -> list[Due]:
    """With the heads of the runs locked: nobody writes behind what goes."""
    runs = {run for _, _, run in _due(log_id, until) if run is not None}
    locked = set(RunHead.objects.select_for_update().filter(pk__in=runs).order_by("pk").values_list("pk", flat=True))
    return [due for due in _due(log_id, until) if due[2] is None or due[2] in locked]


def _due(log_id: UUID, until: int) -> list[Due]:
    asked: dict[str, Any] = {"tenant": scope.current(), "log": log_id, "until": until, "kept": list(KEPT)}
    with connection.cursor() as cursor:
        cursor.execute(_DUE, asked)
        return list(cursor.fetchall())


def _remove(head: LogHead, days: int, due: Sequence[Due], actor: Actor) -> None:
    made = _listed(head, days, _spans(index for _, index, _ in due), actor)
    runs = {run for _, _, run in due if run is not None}
    for subject in sorted(runs | {event for event, _, run in due if run is None}):
        shredding.destroy(subject)
    keeping.forget(sorted(runs | {event for event, _, _ in due}))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pruning.prune(%s)", [made.pk])
    RunHead.objects.filter(pk__in=runs).update(pruned=True)


def _listed(head: LogHead, days: int, spans: Sequence[Span], actor: Actor) -> Pruning:
    """The signed list, and the word of it in the log."""
    told = Pruned(head.origin, tuple(spans), days, clock.now_ms())
    signer = keyrings.sealing(scope.current(), "bundle").signer
    made = Pruning.objects.create(log_id=head.pk, envelope=dsse.seal(PAYLOAD_TYPE, told.payload(), signer).decode())
    count = sum(end - first for first, end in spans)
    digest = sha256(made.envelope.encode()).hexdigest()
    workspace = None if head.pk == scope.current() else head.pk
    event = LogPruned(made.pk, count, spans[0][0], spans[-1][1], days, digest)
    recording.write_many([recording.Entry(event, actor, workspace)])
    return made


def _spans(indices: Iterable[int]) -> list[Span]:
    """Neighbours together."""
    spans: list[Span] = []
    for index in indices:
        if spans and spans[-1][1] == index:
            spans[-1] = (spans[-1][0], index + 1)
        else:
            spans.append((index, index + 1))
    return spans
