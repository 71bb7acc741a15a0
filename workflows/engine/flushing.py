"""What a look has changed, written in few statements at its end: content, rows, events, wake-ups.

The runs are locked since they were read, so the compare-and-swap can only fail when somebody wrote without the
lock; then nothing of this transaction stands.
"""

from collections.abc import Sequence
from typing import Any

from controlplane.lib.errors import LostRace
from evidence.recording import Entry
from evidence.services import record_many
from tenants import payloads, rows
from workflows import locks, wakeups
from workflows.engine import forgetting, remembering
from workflows.engine.work import Work
from workflows.models import Moving, Run, Step


def flush(works: Sequence[Work]) -> None:
    """Write everything that these works collected; raises LostRace. Call it last inside their transaction."""
    for work in works:
        remembering.remember(work)
    payloads.put_held([held for work in works for held in work.kept])
    _write(Run, [work.run for work in works], ("state", "fence"))
    locks.hold(*Step.objects.bulk_create([step for work in works for step in work.added]))
    _write(Step, [step for work in works for step in work.steps.values()], ("state",))
    record_many([entry for work in works for entry in _entries(work)])
    forgetting.forget([work.run for work in works if work.closed])
    if any(work.rings for work in works):
        wakeups.ring()
    for work in works:
        work.written()


def _entries(work: Work) -> list[Entry]:
    run, engine = work.run, work.engine
    return [Entry(event, engine, run.workspace_id, run.pk) for event in work.events]


def _write(model: type[Run | Step], held: Sequence[Moving], guards: tuple[str, ...]) -> None:
    changed = {row.pk: names for row in held if (names := _changed(row))}
    if not changed:
        return
    moved = [row for row in held if row.pk in changed]
    columns = sorted({name for names in changed.values() for name in names})
    unchanged = {name: [_before(row).get(name, getattr(row, name)) for row in moved] for name in guards}
    lost = set(changed) - rows.swap(model, moved, columns=columns, unchanged=unchanged)
    if lost:
        raise LostRace(f"moved on meanwhile: {model._meta.model_name} {sorted(map(str, lost))}")


def _changed(row: Moving) -> list[str]:
    """Columns that differ from what was read."""
    return [name for name, before in _before(row).items() if getattr(row, name) != before]


def _before(row: Moving) -> dict[str, Any]:
    if row.was is None:
        raise ValueError(f"{row} is in nobody's hands: load it as part of a `Work`")
    return row.was
