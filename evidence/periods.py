"""Reading all that a log took in during a period, between two of its signed heads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from controlplane.lib import clock
from evidence import anchored, keyrings, pruning
from evidence.bundling import Material, assemble
from evidence.errors import NothingSealed, PeriodTooLong
from evidence.exporting import consistency_of, origin_of
from evidence.models import Checkpoint, Event, Leaf
from evidence.trees import StoredNodes
from evidence.verify import layout, merkle
from tenants import scope

MOST = 100_000
LATELY = timedelta(hours=1)


@dataclass(frozen=True)
class Period:
    """The leaves from the head `begin` (None: from the first) up to the head `end`."""

    log_id: UUID
    begin: Checkpoint | None
    end: Checkpoint

    @property
    def first(self) -> int:
        return self.begin.size if self.begin else 0

    @property
    def heads(self) -> list[Checkpoint]:
        return [self.begin, self.end] if self.begin else [self.end]


def between(log_id: UUID, since: datetime | None, until: datetime | None) -> Period:
    """From the newest head signed before `since` to the first one signed at or after `until`, else the newest.

    Nothing that was sequenced in between is missing; a little of what came before and after may be there. Where others
    have stamped or cosigned a head, the period ends with such a one: without `until`, with one of the last hour.
    """
    heads = Checkpoint.objects.filter(log_id=log_id)
    begin = heads.filter(created_at__lte=since).order_by("size").last() if since else None
    newest = heads.order_by("size").last()
    first = begin.size if begin else 0
    end = newest and (_seen_lately(heads, newest, first) if until is None else _end(heads, newest, until, first))
    if end is None or end.size <= first:
        raise NothingSealed
    return Period(log_id, begin, end)


def _seen_lately(heads: QuerySet[Checkpoint], newest: Checkpoint, first: int) -> Checkpoint:
    oldest = heads.filter(created_at__gte=newest.created_at - LATELY, size__gt=first).order_by("size").first()
    seen = anchored.sizes_seen(newest.log_id, oldest.size) if oldest else []
    return heads.get(size=seen[-1]) if seen else newest


def _end(heads: QuerySet[Checkpoint], newest: Checkpoint, until: datetime, first: int) -> Checkpoint:
    end = heads.filter(created_at__gte=until, size__gt=first).order_by("size").first() or newest
    seen = [size for size in anchored.sizes_seen(end.log_id, end.size) if size - first <= MOST]
    return heads.get(size=seen[0]) if seen else end


def bundle_of(period: Period, known_sizes: Iterable[int] = ()) -> tuple[bytes, Material]:
    """The bundle of a period: every event that was not pruned, no content. In one transaction."""
    if period.end.size - period.first > MOST:
        raise PeriodTooLong(f"{period.end.size - period.first} events, at most {MOST}: ask for a shorter period")
    leaves = list(_leaves(period))
    sealing = keyrings.sealing(scope.current(), "bundle")
    material = _material(period, leaves, list(known_sizes), sealing.envelope)
    return assemble(material, sealing.signer), material


def _material(period: Period, leaves: Sequence[Leaf], known_sizes: Sequence[int], keyring: str) -> Material:
    stored, bodies = StoredNodes(period.log_id), _bodies(leaves)
    pruned = pruning.lists_of(period.log_id, period.first, period.end.size) if len(bodies) < len(leaves) else []
    return Material(
        kind=layout.PERIOD,
        origin=origin_of(period.heads),
        events=bodies,
        leaves=[bytes(leaf.leaf) for leaf in leaves],
        proofs={},
        frontier=[stored(height, index) for height, index in merkle.peak_positions(period.first)],
        notes=anchored.notes_of(period.heads),
        anchors=anchored.anchors_of(period.log_id, [head.size for head in period.heads]),
        consistency=consistency_of([head.size for head in period.heads], known_sizes, stored),
        keyring=keyring.encode(),
        disclosures=[],
        erased=0,
        pruned=pruned,
        generated_at=clock.now_ms(),
    )


def _leaves(period: Period) -> Iterable[Leaf]:
    span = Leaf.objects.filter(log_id=period.log_id, index__gte=period.first, index__lt=period.end.size)
    return span.order_by("index")


def _bodies(leaves: Sequence[Leaf]) -> list[bytes]:
    """The events in the order of their leaves, without those that are gone: a signed list explains them, or nothing."""
    bodies = dict(Event.objects.filter(pk__in=[leaf.pk for leaf in leaves]).values_list("pk", "body"))
    return [bytes(bodies[leaf.pk]) for leaf in leaves if leaf.pk in bodies]
