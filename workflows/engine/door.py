"""The gateway and the policy as the engine uses them."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from connectors.calls import CallSpec, CallStatus
from policies.asking import Occasion
from policies.types import Decision
from tenants.actors import Actor


class Decide(Protocol):
    """`policies.services.decide_many`."""

    def __call__(self, questions: Sequence[Occasion], *, actor: Actor) -> list[Decision]: ...


class Gateway(Protocol):
    """`connectors.gateway`. Every verb is durable by itself and safe to repeat."""

    def propose(self, *, spec: CallSpec, actor: Actor) -> CallStatus: ...

    def advance(self, *, call_id: UUID, actor: Actor) -> CallStatus: ...

    def probe(self, *, call_id: UUID, actor: Actor) -> CallStatus: ...

    def compensate(self, *, call_id: UUID, actor: Actor) -> CallStatus: ...
