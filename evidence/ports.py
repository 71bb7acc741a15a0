"""What the record needs from apps above it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from controlplane.lib.registry import Port
from evidence.verify.envelope import Event


class Exhibits(Protocol):
    def __call__(self, events: Sequence[Event]) -> Mapping[str, bytes]:
        """Documents that these events name by their SHA-256 (hex), as far as they are there: workflow definitions and
        policy bundles, without which the events cannot be played again. In an open transaction."""


exhibits: Port[Exhibits] = Port("evidence.exhibits")
