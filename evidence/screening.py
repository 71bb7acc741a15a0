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
from evidence.models import Event, Leaf, LogHead, Pending, Quarantine
from evidence.verify import envelope
from tenants import quick, scope

Place = tuple[UUID, int]


@dataclass(frozen=True)
class Poison:
    """A queue row that is set aside. `event` None: there is no such event in this tenant."""

    event_id: UUID
    reason: str
    event: Event | None


@dataclass(frozen=True)
class Sifted:
    """`sound` in their order; what is in neither list stays in the queue."""

    sound: list[Event]
    poisoned: list[Poison]


def sift(head: LogHead, waiting: Sequence[Pending]) -> Sifted:
    """Which of the waiting become leaves now, and which never will."""
    wanted = [row.event_id for row in waiting]
    events = {event.pk: event for event in quick.find(Event, id=wanted)}
    settled = {row.pk for model in (Leaf, Quarantine) for row in quick.find(model, id=wanted)}
    sound: list[Event] = []
    poisoned: list[Poison] = []
    for event_id in wanted:
        event = events.get(event_id)
        reason = "replayed" if event_id in settled else _fault(head, event)
        if reason or event is None:
            poisoned.append(Poison(event_id, reason, event))
        else:
            sound.append(event)
    return _in_order(sound, poisoned)


def _fault(head: LogHead, event: Event | None) -> str:
    """The first fault of an event on its own; empty when there is none."""
    if event is None:
        return "missing"
    return next((reason for reason, holds in FAULTS.items() if not holds(head, event)), "")


def _in_its_log(head: LogHead, event: Event) -> bool:
    return event.log_id == head.pk


def _seal_holds(_: LogHead, event: Event) -> bool:
    return hmac.compare_digest(keys.mac(scope.current(), bytes(event.body)), bytes(event.mac))


def _hash_holds(_: LogHead, event: Event) -> bool:
    return envelope.event_hash(bytes(event.body)) == bytes(event.event_hash)


def _columns_fit(head: LogHead, event: Event) -> bool:
    """The bytes are one event in the strict profile, of this log, and say what the columns say."""
    row = Columns(event.pk, event.type, head.origin, event.run_id, event.run_seq)
    return columns.agree(bytes(event.body), row)


FAULTS: Mapping[str, Callable[[LogHead, Event], bool]] = MappingProxyType(
    {"misplaced": _in_its_log, "seal": _seal_holds, "hash": _hash_holds, "schema": _columns_fit}
)
"""What an event must pass on its own, in this order, by the reason that is given when it does not."""

REASONS = frozenset({*FAULTS, "missing", "replayed", "order"})


def _in_order(sound: Iterable[Event], poisoned: list[Poison]) -> Sifted:
    """No leaf before its predecessor in the run. Writers of a run take turns, so only a row that none of them wrote
    comes out of turn: it waits while its predecessor is in the queue, and is set aside when there is none."""
    sound = list(sound)
    seen = {_place(poison.event) for poison in poisoned if poison.event is not None}
    states = _states(_outside(sound, seen))
    accepted: list[Event] = []
    held: set[Place | None] = set()
    for event in sound:
        before = _before(event)
        if before is None or before in seen or states.get(before) == "done":
            accepted.append(event)
            seen.add(_place(event))
        elif before in held or states.get(before) == "waiting":
            held.add(_place(event))
        else:
            poisoned.append(Poison(event.pk, "order", event))
            seen.add(_place(event))
    return Sifted(accepted, poisoned)


def _outside(sound: Iterable[Event], seen: Iterable[Place | None]) -> list[Place]:
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


def _place(event: Event) -> Place | None:
    return (event.run_id, event.run_seq) if event.run_id and event.run_seq else None


def _before(event: Event) -> Place | None:
    place = _place(event)
    return (place[0], place[1] - 1) if place and place[1] > 1 else None
