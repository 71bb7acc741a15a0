"""What the tenants app needs from apps above it."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from controlplane.lib.registry import Port
from tenants.actors import Actor


class Recorder(Protocol):
    def __call__(
        self, event: object, *, actor: Actor, workspace_id: UUID | None = None, run_id: UUID | None = None
    ) -> Any: ...


class InFlight(Protocol):
    def __call__(self, *, kind: str, value: str, before: datetime) -> int:
        """How many calls under that halt scope were dispatched before `before` and are not settled yet."""


record: Port[Recorder] = Port("tenants.record")
in_flight: Port[InFlight] = Port("tenants.in_flight")
