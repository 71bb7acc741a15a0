"""What may become a leaf.

A queue row that no writer of ours made never blocks its log and never takes the sequencer down: it is set aside, and
the log says so. The catalogue of types is not asked here: during a deployment others know types that we do not.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from django.db import connection

from evidence import columns, keys
from evidence.columns import Columns
from evidence.models import LogHead
from evidence.storing import Written
from evidence.verify import envelope
from tenants import arrays, scope

Place = tuple[UUID, int]


@dataclass(frozen=True)
class Waiting:
    """A queue row. `settled`: its event is a leaf already, or was set aside. `event` None: not in this tenant."""

    event_id: UUID
    settled: bool
    event: Written | None


@dataclass(frozen=True)
class Poison:
    """A queue row that is set aside. `event` None: there is no such event in this tenant."""

    event_id: UUID
    reason: str
    event: Written | None


@dataclass(frozen=True)
class Sifted:
    """`sound` in their order; what is in neither list stays in the queue."""

    sound: list[Written]
    poisoned: list[Poison]


_WAITING = """
SELECT p.event_id, l.id IS NOT NULL OR q.id IS NOT NULL, e.*
  FROM (SELECT id, event_id FROM evidence_pending WHERE tenant_id = %(tenant)b AND log_id = %(log)b
         ORDER BY id LIMIT %(most)b) AS p
  LEFT JOIN LATERAL (SELECT id, log_id, run_id, run_seq, type, body, event_hash, mac FROM evidence_event
                      WHERE id = p.event_id AND tenant_id = %(tenant)b LIMIT 1) AS e ON true
  LEFT JOIN LATERAL (SELECT id FROM evidence_leaf WHERE id = p.event_id LIMIT 1) AS l ON true
  LEFT JOIN LATERAL (SELECT id FROM evidence_quarantine WHERE id = p.event_id LIMIT 1) AS q ON true
 ORDER BY p.id
"""
"""One look into each index per row, whatever the planner believes of tables that grow as it plans."""


def waiting(head: LogHead, most: int) -> list[Waiting]:
    """The front of a log's queue."""
    with arrays.cursor(prepared=True) as cursor:
        cursor.execute(_WAITING, {"tenant": scope.current(), "log": head.pk, "most": most})
        rows = cursor.fetchall()
    return [Waiting(event_id, settled, Written(*row) if row[0] else None) for event_id, settled, *row in rows]


def sift(head: LogHead, rows: Iterable[Waiting]) -> Sifted:
    """Which of the waiting become leaves now, and which never will."""
    sound: list[Written] = []
    poisoned: list[Poison] = []
    for row in rows:
        reason = "replayed" if row.settled else _fault(head, row.event)
        if reason or row.event is None:
            poisoned.append(Poison(row.event_id, reason, row.event))
        else:
            sound.append(row.event)
    return _in_order(sound, poisoned)


def _fault(head: LogHead, event: Written | None) -> str:
    """The first fault of an event on its own; empty when there is none."""
    if event is None:
        return "missing"
    return next((reason for reason, holds in FAULTS.items() if not holds(head, event)), "")


def _in_its_log(head: LogHead, event: Written) -> bool:
    return event.log_id == head.pk


def _seal_holds(_: LogHead, event: Written) -> bool:
    return hmac.compare_digest(keys.mac(scope.current(), event.body), event.mac)


def _hash_holds(_: LogHead, event: Written) -> bool:
    return envelope.event_hash(event.body) == event.event_hash


def _columns_fit(head: LogHead, event: Written) -> bool:
    """The bytes are one event in the strict profile, of this log, and say what the columns say."""
    row = Columns(event.id, event.type, head.origin, event.run_id, event.run_seq)
    return columns.agree(event.body, row)


FAULTS: Mapping[str, Callable[[LogHead, Written], bool]] = MappingProxyType(
    {"misplaced": _in_its_log, "seal": _seal_holds, "hash": _hash_holds, "schema": _columns_fit}
)
"""What an event must pass on its own, in this order, by the reason that is given when it does not."""

REASONS = frozenset({*FAULTS, "missing", "replayed", "order"})


def _in_order(sound: Iterable[Written], poisoned: list[Poison]) -> Sifted:
    """No leaf before its predecessor in the run. Writers of a run take turns, so only a row that none of them wrote
    comes out of turn: it waits while its predecessor is in the queue, and is set aside when there is none."""
    sound = list(sound)
    seen = {_place(poison.event) for poison in poisoned if poison.event is not None}
    states = _states(_outside(sound, seen))
    accepted: list[Written] = []
    held: set[Place | None] = set()
    for event in sound:
        before = _before(event)
        if before is None or before in seen or states.get(before) == "done":
            accepted.append(event)
            seen.add(_place(event))
        elif before in held or states.get(before) == "waiting":
            held.add(_place(event))
        else:
            poisoned.append(Poison(event.id, "order", event))
            seen.add(_place(event))
    return Sifted(accepted, poisoned)


def _outside(sound: Iterable[Written], seen: Iterable[Place | None]) -> list[Place]:
    """The predecessors that this batch does not hold before the event that needs them."""
    known, outside = set(seen), []
    for event in sound:
        before = _before(event)
        if before is not None and before not in known:
            outside.append(before)
        known.add(_place(event))
    return outside


_STATES = """
SELECT e.run_id, e.run_seq, EXISTS (SELECT 1 FROM evidence_leaf l WHERE l.id = e.id)
                         OR EXISTS (SELECT 1 FROM evidence_quarantine q WHERE q.id = e.id)
  FROM unnest(%s::uuid[], %s::bigint[]) AS wanted(run_id, run_seq)
  JOIN evidence_event e ON e.run_id = wanted.run_id AND e.run_seq = wanted.run_seq
 WHERE e.tenant_id = %s
"""


def _states(places: Sequence[Place]) -> dict[Place, str]:
    """`done` when the event at that place of its run was sequenced or set aside, `waiting` when it is still to be."""
    if not places:
        return {}
    runs, numbers = [run for run, _ in places], [number for _, number in places]
    with connection.cursor() as cursor:
        cursor.execute(_STATES, [runs, numbers, scope.current()])
        return {(run, number): "done" if done else "waiting" for run, number, done in cursor.fetchall()}


def _place(event: Written) -> Place | None:
    return (event.run_id, event.run_seq) if event.run_id and event.run_seq else None


def _before(event: Written) -> Place | None:
    place = _place(event)
    return (place[0], place[1] - 1) if place and place[1] > 1 else None
