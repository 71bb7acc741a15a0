"""The rows of a transaction's events in one statement, prepared once per connection.

Every call of the product pays for this one. What it costs a writer is most of what the record costs at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone
from psycopg.types.numeric import Int8

from evidence.heads import End
from tenants import arrays, scope
from tenants.models.base import require_transaction


@dataclass(slots=True)
class Written:
    """The columns of an event's row: see `Event`."""

    id: UUID
    log_id: UUID
    run_id: UUID | None
    run_seq: int | None
    type: str
    body: bytes
    event_hash: bytes
    mac: bytes


_EVENTS = """
WITH given AS (
    SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::bigint[], %b::varchar[], %b::bytea[], %b::bytea[],
        %b::bytea[]) WITH ORDINALITY AS v(id, log_id, run_id, run_seq, type, body, event_hash, mac, place)
), told AS (
    INSERT INTO evidence_event (created_at, tenant_id, id, log_id, run_id, run_seq, type, body, event_hash, mac)
    SELECT %b, %b, id, log_id, run_id, run_seq, type, body, event_hash, mac FROM given ORDER BY place
), queued AS (
    INSERT INTO evidence_pending (created_at, tenant_id, event_id, log_id)
    SELECT %b, %b, id, log_id FROM given ORDER BY place
)
"""
_ALONE = _EVENTS + "SELECT 1"
"""The sequencer writes events of no run, and may not touch the heads of runs."""
_OF_RUNS = (
    _EVENTS
    + """
UPDATE evidence_runhead AS head SET seq = v.seq, last_hash = v.last_hash, closed_seq = v.closed_seq
  FROM unnest(%b::uuid[], %b::bigint[], %b::bytea[], %b::bigint[]) AS v(id, seq, last_hash, closed_seq)
 WHERE head.id = v.id AND head.tenant_id = %b
"""
)
_BEHIND = """
WITH moved AS (
    UPDATE evidence_runhead SET seq = %(run_seq)b, last_hash = %(event_hash)b, closed_seq = %(closed_seq)b
     WHERE id = %(run_id)b AND tenant_id = %(tenant)b AND log_id = %(log_id)b
       AND seq = %(run_seq)b - 1 AND last_hash = %(before)b AND NOT pruned
    RETURNING 1
), told AS (
    INSERT INTO evidence_event (created_at, tenant_id, id, log_id, run_id, run_seq, type, body, event_hash, mac)
    SELECT %(now)b, %(tenant)b, %(id)b, %(log_id)b, %(run_id)b, %(run_seq)b, %(type)b, %(body)b, %(event_hash)b, %(mac)b
      FROM moved
)
INSERT INTO evidence_pending (created_at, tenant_id, event_id, log_id)
SELECT %(now)b, %(tenant)b, %(id)b, %(log_id)b FROM moved
"""
"""The run's head is moved first, and with it locked: the place in the queue is drawn behind that."""


def store_behind(event: Written, before: bytes, end: End) -> bool:
    """An event of a run and its place in the queue, if the event with the hash `before` is still the run's last; `end`
    is where the run ends then. False when nothing was written."""
    require_transaction()
    numbers = {"run_seq": Int8(end.seq), "closed_seq": Int8(end.closed_seq)}
    row = {name: getattr(event, name) for name in Written.__slots__}
    with arrays.cursor(prepared=True) as cursor:
        cursor.execute(_BEHIND, {**row, **numbers, "before": before, "now": timezone.now(), "tenant": scope.current()})
        return bool(cursor.rowcount)


def store(written: Sequence[Written], heads: Mapping[UUID, End]) -> None:
    """Events and their places in the queue, in their order, and where their runs end now."""
    require_transaction()
    stamp = [timezone.now(), scope.current()]
    rows = [*([getattr(event, name) for event in written] for name in Written.__slots__), *stamp, *stamp]
    with arrays.cursor(prepared=True) as cursor:
        if heads:
            cursor.execute(_OF_RUNS, [*rows, *_ends(list(heads.values())), scope.current()])
        else:
            cursor.execute(_ALONE, rows)


def _ends(heads: Sequence[End]) -> list[list[Any]]:
    return [
        [head.id for head in heads],
        [head.seq for head in heads],
        [head.last_hash for head in heads],
        [head.closed_seq for head in heads],
    ]
