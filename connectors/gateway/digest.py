"""What exactly is done: the digest that a decision and an approval bind to. Pure."""

from dataclasses import dataclass, fields
from uuid import UUID

from connectors.types import JsonObject
from controlplane.lib import canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundAction:
    """Every field that makes this action this one and no other.

    `args` after obligations; `expected`: values of the touched fields that must still stand; `undo`: the
    exact inverse as planned, None when there is none.
    """

    tenant: UUID
    workspace: UUID
    environment: UUID
    actor: UUID
    on_behalf_of: UUID | None
    instance: UUID
    tool: str
    tool_version: str
    schema_hash: str
    args: JsonObject
    target: str
    expected: JsonObject
    undo: JsonObject | None
    run: UUID
    step: str
    idempotency_key: str


def action_digest(action: BoundAction) -> str:
    """SHA-256 (64 hex) over the RFC 8785 form of all fields; ids as text, absent ones as null."""
    return canonical.digest({field.name: _plain(getattr(action, field.name)) for field in fields(action)})


def marker(call_id: UUID, idempotency_key: str) -> str:
    """What a write leaves at the target to prove that it landed; the same for every attempt of a call."""
    return f"[interlock:{call_id.hex}:{canonical.digest(idempotency_key)[:8]}]"


def _plain(value: object) -> object:
    return str(value) if isinstance(value, UUID) else value
