"""Where runs end: locked for whoever writes, and remembered by the process that wrote.

What is remembered is a guess, never a fact: the transaction may have been undone, another process may have gone on.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from uuid import UUID

from evidence.models import RunHead
from tenants import arrays, scope
from tenants.models.base import require_transaction

MOST = 4096

_LOCK = """
SELECT id, log_id, seq, last_hash, closed_seq, pruned FROM evidence_runhead
 WHERE tenant_id = %b AND id = ANY(%b::uuid[]) ORDER BY id FOR UPDATE
"""
_remembered: OrderedDict[tuple[UUID, UUID], "End"] = OrderedDict()
_turn = Lock()


@dataclass(slots=True)
class End:
    """The columns of a run's head: see `RunHead`."""

    id: UUID
    log_id: UUID
    seq: int = 0
    last_hash: bytes = b""
    closed_seq: int = 0
    pruned: bool = False


def locked(logs: Mapping[UUID, UUID]) -> dict[UUID, End]:
    """The heads of runs, locked in one order; by run, what log it writes to if this is its first event."""
    if not logs:
        return {}
    found = _lock(logs)
    if len(found) < len(logs):
        new = [RunHead(id=run_id, log_id=log_id) for run_id, log_id in sorted(logs.items()) if run_id not in found]
        RunHead.objects.bulk_create(new, ignore_conflicts=True)
        found = _lock(logs)
    return found


def _lock(runs: Iterable[UUID]) -> dict[UUID, End]:
    require_transaction()
    with arrays.cursor(prepared=True) as cursor:
        cursor.execute(_LOCK, [scope.current(), list(runs)])
        ends = [End(*row) for row in cursor.fetchall()]
    return {end.id: end for end in ends}


def recall(run_id: UUID) -> End | None:
    """Where this process left the run."""
    end = _remembered.get((scope.current(), run_id))
    return replace(end) if end is not None else None


def remember(ends: Iterable[End]) -> None:
    with _turn:
        for end in ends:
            _remembered[scope.current(), end.id] = replace(end)
            _remembered.move_to_end((scope.current(), end.id))
        while len(_remembered) > MOST:
            _remembered.popitem(last=False)


def forget(run_id: UUID) -> None:
    with _turn:
        _remembered.pop((scope.current(), run_id), None)
