"""Reading all that a log took in during a period, between two of its signed heads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controlplane.lib import clock
from evidence import anchored, keyrings
from evidence.bundling import Material, assemble
from evidence.errors import NothingSealed, PeriodTooLong
from evidence.exporting import consistency_of, origin_of
from evidence.models import Checkpoint, Event, Leaf
from evidence.trees import StoredNodes
from evidence.verify import layout, merkle
from tenants import scope

MOST = 100_000


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

    Nothing that was sequenced in between is missing; a little of what came before and after may be there.
    """
    heads = Checkpoint.objects.filter(log_id=log_id)
    begin = heads.filter(created_at__lte=since).order_by("size").last() if since else None
    end = heads.filter(created_at__gte=until).order_by("size").first() if until else None
    end = end or heads.order_by("size").last()
    if end is None or end.size <= (begin.size if begin else 0):
        raise NothingSealed
    return Period(log_id, begin, end)


def bundle_of(period: Period, known_sizes: Iterable[int] = ()) -> tuple[bytes, Material]:
    """The bundle of a period: every event, no content. In one transaction."""
    if period.end.size - period.first > MOST:
        raise PeriodTooLong(f"{period.end.size - period.first} events, at most {MOST}: ask for a shorter period")
    leaves = list(_leaves(period))
    sealing = keyrings.sealing(scope.current(), "bundle")
    material = _material(period, leaves, list(known_sizes), sealing.envelope)
    return assemble(material, sealing.signer), material


def _material(period: Period, leaves: Sequence[Leaf], known_sizes: Sequence[int], keyring: str) -> Material:
    stored = StoredNodes(period.log_id)
    return Material(
        kind=layout.PERIOD,
        origin=origin_of(period.heads),
        events=_bodies(leaves),
        leaves=[bytes(leaf.leaf) for leaf in leaves],
        proofs={},
        frontier=[stored(height, index) for height, index in merkle.peak_positions(period.first)],
        notes=anchored.notes_of(period.heads),
        anchors=anchored.anchors_of(period.log_id, [head.size for head in period.heads]),
        consistency=consistency_of([head.size for head in period.heads], known_sizes, stored),
        keyring=keyring.encode(),
        disclosures=[],
        erased=0,
        generated_at=clock.now_ms(),
    )


def _leaves(period: Period) -> Iterable[Leaf]:
    span = Leaf.objects.filter(log_id=period.log_id, index__gte=period.first, index__lt=period.end.size)
    return span.order_by("index")


def _bodies(leaves: Sequence[Leaf]) -> list[bytes]:
    """The events in the order of their leaves. A leaf whose event is gone raises KeyError: such a log is broken."""
    bodies = dict(Event.objects.filter(pk__in=[leaf.pk for leaf in leaves]).values_list("pk", "body"))
    return [bytes(bodies[leaf.pk]) for leaf in leaves]
