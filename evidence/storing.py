"""The rows of a transaction's events in one statement, prepared once per connection.

Every call of the product pays for this one. What it costs a writer is most of what the record costs at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone

from evidence.models import RunHead
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


def store(written: Sequence[Written], heads: Mapping[UUID, RunHead]) -> None:
    """Events and their places in the queue, in their order, and where their runs end now."""
    require_transaction()
    stamp = [timezone.now(), scope.current()]
    rows = [*([getattr(event, name) for event in written] for name in Written.__slots__), *stamp, *stamp]
    with arrays.cursor(prepared=True) as cursor:
        if heads:
            cursor.execute(_OF_RUNS, [*rows, *_ends(list(heads.values())), scope.current()])
        else:
            cursor.execute(_ALONE, rows)


def _ends(heads: Sequence[RunHead]) -> list[list[Any]]:
    return [
        [head.pk for head in heads],
        [head.seq for head in heads],
        [bytes(head.last_hash) for head in heads],
        [head.closed_seq for head in heads],
    ]
