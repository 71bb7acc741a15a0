"""What the tenants app needs from apps above it."""

from typing import Any, Protocol
from uuid import UUID

from controlplane.lib.registry import Port
from tenants.actors import Actor


class Recorder(Protocol):
    def __call__(
        self, event: object, *, actor: Actor, workspace_id: UUID | None = None, run_id: UUID | None = None
    ) -> Any: ...


class InFlight(Protocol):
    def __call__(self, *, kind: str, value: str, undoing: bool) -> int:
        """How many calls under that halt scope could still send; with `undoing` the compensation lane, which
        stays open, does not count. While the scope is halted no further one is dispatched."""


record: Port[Recorder] = Port("tenants.record")
in_flight: Port[InFlight] = Port("tenants.in_flight")
