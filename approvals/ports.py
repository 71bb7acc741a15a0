"""What approvals needs from apps above it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from approvals.types import Stage, State
from controlplane.lib.registry import Port


class Decided(Protocol):
    def __call__(self, *, run_id: UUID, call_id: UUID, request_id: UUID, state: State) -> None:
        """A request was approved, rejected, withdrawn or has expired. Called inside the deciding transaction."""


class Nudged(Protocol):
    def __call__(self, *, request_id: UUID, stage: Stage, asked: Sequence[UUID], deadline: datetime) -> None:
        """People should hear that a request still waits. Called inside the transaction that says so."""


class Changed(Protocol):
    def __call__(self, *, request_id: UUID, state: State) -> None:
        """What a request says of itself is different now: a vote, or a new state. Called inside the transaction."""


changed: Port[Changed] = Port("approvals.changed")
decided: Port[Decided] = Port("approvals.decided")
nudged: Port[Nudged] = Port("approvals.nudged")
