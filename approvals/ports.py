"""What approvals needs from apps above it."""

from typing import Protocol
from uuid import UUID

from approvals.types import State
from controlplane.lib.registry import Port


class Decided(Protocol):
    def __call__(self, *, run_id: UUID, call_id: UUID, request_id: UUID, state: State) -> None:
        """A request was approved, rejected or has expired. Called inside the deciding transaction."""


decided: Port[Decided] = Port("approvals.decided")
