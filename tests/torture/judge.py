"""Was anything lost, doubled, forked or left out, did anybody cry wolf? Judged from the rows, and by `fsck` too."""

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from django.db import connections, transaction

from evidence.fsck import examine
from evidence.models import Checkpoint, Event, Leaf, LogHead, Pending, Quarantine, RunHead
from evidence.verify import envelope, merkle, note
from tenants import scope
from tests.torture.rig import Rig


@dataclass(frozen=True)
class Verdict:
    """Counts of what must not be, and of what was there. `problems`: the first few, in words."""

    leaves: int
    checkpoints: int
    lost: int
    doubled: int
    resurrected: int
    gaps: int
    forks: int
    false_alarms: int
    problems: list[str]

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.resurrected or self.gaps or self.forks or self.false_alarms)


def alarms(tenant: UUID) -> list[str]:
    """What `fsck` finds at this moment, while everybody writes."""
    try:
        return [f"{found.code} {found.place}: {found.message}" for found in examine.everything(tenant)]
    finally:
        connections.close_all()


def judge(rig: Rig) -> Verdict:
    found = alarms(rig.tenant)
    with scope.enter(rig.tenant), transaction.atomic():
        leaves = list(map(str, Leaf.objects.values_list("pk", flat=True)))
        events = set(map(str, Event.objects.values_list("pk", flat=True)))
        frozen = [head.frozen_reason for head in LogHead.objects.all() if head.frozen_reason]
        guards = [head.guard_faults for head in LogHead.objects.all() if head.guard_faults]
        aside = [f"set aside: {row.pk} {row.reason}" for row in Quarantine.objects.all()]
        gaps = [line for head in LogHead.objects.all() for line in _gaps(head)] + _gaps_of_runs()
        forks = [line for head in LogHead.objects.all() for line in _forks(head)]
        waiting, checkpoints = Pending.objects.count(), Checkpoint.objects.count()
    kept, undone = rig.noted("kept"), rig.noted("undone")
    false_alarms = [*rig.alarms, *found, *frozen, *guards, *aside]
    lost = (set(kept) | events) - set(leaves)
    resurrected = set(undone) & events
    return Verdict(
        leaves=len(leaves),
        checkpoints=checkpoints,
        lost=len(lost) + waiting,
        doubled=sum(count > 1 for count in Counter(leaves).values()) + sum(n > 1 for n in Counter(kept).values()),
        resurrected=len(resurrected),
        gaps=len(gaps),
        forks=len(forks),
        false_alarms=len(false_alarms),
        problems=[*false_alarms, *gaps, *forks, *sorted(lost), *sorted(resurrected)][:20],
    )


def _gaps(head: LogHead) -> list[str]:
    """Indices count up from zero, and each leaf names the one before."""
    rows = list(Leaf.objects.filter(log_id=head.pk).order_by("index").values_list("index", "leaf", "leaf_hash"))
    before = [envelope.NO_LEAF, *(bytes(hashed) for _, _, hashed in rows)]
    broken = [
        f"{head.origin}#{index}"
        for place, (index, leaf, _) in enumerate(rows)
        if index != place or envelope.parse_leaf(bytes(leaf)).previous != before[place]
    ]
    return broken + ([] if head.size == len(rows) == head.signed_size else [f"{head.origin} counts {head.size}"])


def _gaps_of_runs() -> list[str]:
    """Events of a run count up from one, and stand in the log in that order."""
    indices = dict(Leaf.objects.values_list("pk", "index"))
    broken = []
    for run in RunHead.objects.all():
        rows = list(Event.objects.filter(run_id=run.pk).order_by("run_seq").values_list("run_seq", "pk"))
        places = [indices.get(pk, -1) for _, pk in rows]
        if [seq for seq, _ in rows] != list(range(1, run.seq + 1)) or places != sorted(places):
            broken.append(f"run {run.pk}")
    return broken


def _forks(head: LogHead) -> list[str]:
    """Every head that was ever signed is a beginning of the one history."""
    rows = Leaf.objects.filter(log_id=head.pk).order_by("index").values_list("leaf_hash", flat=True)
    notes = Checkpoint.objects.filter(log_id=head.pk).values_list("note", flat=True)
    hashes, signed = [bytes(row) for row in rows], [note.parse(text.encode()).checkpoint for text in notes]
    nodes = merkle.nodes_over(hashes)
    return [
        f"{head.origin} at {one.size}"
        for one in signed
        if one.size > len(hashes) or merkle.root_at(one.size, nodes) != one.root
    ]
