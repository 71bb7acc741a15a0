"""What the tenants app needs from apps above it."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

from controlplane.lib.registry import Port
from tenants.actors import Actor
from tenants.readings import Reading, Watch


class Recorder(Protocol):
    def __call__(
        self, event: object, *, actor: Actor, workspace_id: UUID | None = None, run_id: UUID | None = None
    ) -> Any: ...


class InFlight(Protocol):
    def __call__(self, *, kind: str, value: str, undoing: bool) -> int:
        """How many calls under that halt scope could still send; with `undoing` the compensation lane, which
        stays open, does not count. While the scope is halted no further one is dispatched."""


class Measure(Protocol):
    def __call__(self, watch: Watch, *, since: datetime) -> list[Reading]:
        """What a trigger of this kind sees now, by what it would halt; `since`: count nothing older. Called in
        the tenant's scope without a transaction."""


record: Port[Recorder] = Port("tenants.record")
in_flight: Port[InFlight] = Port("tenants.in_flight")

measures: Mapping[str, Port[Measure]] = MappingProxyType(
    {
        kind: Port(f"tenants.measures.{kind}")
        for kind in ("budget_breach", "error_rate", "canary", "evidence_backpressure")
    }
)
"""How each kind of halt trigger is measured, by the kind; a test says that the keys are the kinds."""
