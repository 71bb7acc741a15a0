"""Honest bundles of a period and of an approval, and what may be changed about them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from evidence.bundling import Material
from evidence.verify import envelope, jcs, layout, merkle
from tests.unit.evidence.forge import NOW, ORIGIN, STEPS, Kit, Step, chain, unsealed
from tests.unit.evidence.governed import DECIDED, GOVERNED, USED


def loose(number: int, kind: str = "log.heartbeat", **data: Any) -> bytes:
    """An event of no run."""
    actor = {"kind": "system", "id": "sealer", "method": "system"}
    members = {"v": 1, "id": f"loose-{number}", "type": kind, "origin": ORIGIN, "time": NOW + number}
    return jcs.dumps({**members, "actor": actor, "data": data or {"size": number}})


def diary(first: Sequence[bytes] | None = None, second: Sequence[bytes] | None = None) -> list[bytes]:
    """A log in which two runs lie between and across events of no run. The second run stays open."""
    one = list(first) if first is not None else chain(STEPS)
    other = list(second) if second is not None else unsealed([("run.started", {}), ("test.noted", {})], of="run-2")
    return [loose(0), loose(1), *one[:2], other[0], loose(2), *one[2:], *other[1:], loose(3)]


@dataclass
class Period(Kit):
    """The period [begin, end) of a log whose every event is at hand; `heads` are signed sizes in between."""

    bodies: list[bytes] = field(default_factory=diary)
    begin: int = 1
    end: int = 0
    heads: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for one in self.bodies:
            self.log.add(envelope.event_hash(one))
        self.end = self.end or len(self.bodies)
        self.indices = list(range(self.begin, self.end))
        self.sizes = tuple(size for size in (self.begin, *self.heads, self.end) if size)

    def material(self, **changes: Any) -> Material:
        shown = {
            "kind": layout.PERIOD,
            "run": "",
            "events": self.bodies[self.begin : self.end],
            "leaves": self.log.leaves[self.begin : self.end],
            "proofs": {},
            "frontier": self.frontier(self.begin),
            "disclosures": [],
        }
        return super().material(**{**shown, **changes})

    def frontier(self, size: int) -> list[bytes]:
        return [self.log.nodes(height, index) for height, index in merkle.peak_positions(size)]

    def without(self, *indices: int, **changes: Any) -> bytes:
        """The bundle of the period with some leaves left out, claimed to be all."""
        left = [index for index in self.indices if index not in indices]
        events, leaves = [self.bodies[index] for index in left], [self.log.leaves[index] for index in left]
        return self.bundle(events=events, leaves=leaves, **changes)


@dataclass
class Approval(Kit):
    """A run up to the end of the approval `req-1`: the first `length` events of it."""

    bodies: list[bytes] = field(default_factory=lambda: chain(GOVERNED))
    length: int = GOVERNED.index(USED) + 1

    def material(self, **changes: Any) -> Material:
        shown = {
            "kind": layout.APPROVAL,
            "request": "req-1",
            "events": self.bodies[: self.length],
            "leaves": [self.log.leaves[index] for index in self.indices[: self.length]],
            "disclosures": [],
        }
        return super().material(**{**shown, **changes})


def up_to(step: Step, steps: Sequence[Step] = GOVERNED) -> Approval:
    """The approval bundle of a run, cut behind that step."""
    return Approval(chain(steps), length=list(steps).index(step) + 1)


__all__ = ["DECIDED", "Approval", "Period", "diary", "loose", "up_to"]
