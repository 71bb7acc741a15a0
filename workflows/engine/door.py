"""The gateway as the engine uses it."""

from typing import Protocol
from uuid import UUID

from connectors.calls import CallSpec, CallStatus
from tenants.actors import Actor


class Gateway(Protocol):
    """`connectors.gateway`. Every verb is durable by itself and safe to repeat."""

    def propose(self, *, spec: CallSpec, actor: Actor) -> CallStatus: ...

    def advance(self, *, call_id: UUID, actor: Actor) -> CallStatus: ...

    def probe(self, *, call_id: UUID, actor: Actor) -> CallStatus: ...

    def compensate(self, *, call_id: UUID, actor: Actor) -> CallStatus: ...
