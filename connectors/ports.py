"""What the connectors need from apps above them."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from connectors.calls import Answer
from connectors.types import JsonObject
from controlplane.lib.registry import Port
from tenants.actors import Actor


@dataclass(frozen=True, slots=True)
class Delivery:
    """A verified webhook, taken in once. `body` is what the sender says: read the record, do not trust it.

    `sender` is the service identity of the endpoint; `event` what a delivery to it means
    (`incident.created`); `connector` the instance's name, `driver` its kind. `data_classes`: what the body may hold.
    """

    delivery_id: UUID
    endpoint_id: UUID
    workspace_id: UUID
    environment_id: UUID
    connector: str
    driver: str
    event: str
    webhook_id: str
    body: JsonObject
    sender: Actor
    data_classes: frozenset[str] = frozenset()


class Received(Protocol):
    def __call__(self, delivery: Delivery) -> None:
        """Called once per delivery, inside the transaction that takes it in."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a call of unknown outcome, now that somebody has said it. `run_id` None: not a run's call."""

    run_id: UUID | None
    step_id: str
    call_id: UUID
    answer: Answer
    actor: Actor


class Reconciled(Protocol):
    def __call__(self, told: Told) -> None:
        """Called inside the transaction that settles the call, so that its run is woken with it."""


@dataclass(frozen=True, slots=True)
class RuledOut:
    """Policy wants a write taken back that has landed. `run_id` None: not a run's call. `code`: of the rule."""

    run_id: UUID | None
    step_id: str
    call_id: UUID
    decision_id: UUID
    code: str
    actor: Actor


class TurnsBack(Protocol):
    def __call__(self, ruled: RuledOut) -> None:
        """Called inside the transaction that settles the call: its run is to turn back."""


ruled_out: Port[TurnsBack] = Port("connectors.ruled_out")
reconciled: Port[Reconciled] = Port("connectors.reconciled")
received: Port[Received] = Port("connectors.received")
