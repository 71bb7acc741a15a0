"""Who acts. Every verb names its actor; nothing reads one from a thread."""

from dataclasses import dataclass, field
from uuid import UUID, uuid5

_SYSTEM_NAMESPACE = UUID("5b1f1a52-58a3-4c5e-9d5c-0d3f6d2f7c11")

BREAK_GLASS = "break_glass"
"""The method of a platform operator who looks into a tenant for a stated reason and a limited time."""


@dataclass(frozen=True)
class Actor:
    """A person, service, agent or part of the system, acting inside one tenant.

    `id` is the user's id (for the system a fixed id per part); `token_scopes` narrows what a bearer token
    may use, None for other ways of signing in; `method` says how the actor proved who it is.
    """

    kind: str
    id: UUID
    tenant_id: UUID
    label: str
    method: str
    on_behalf_of: UUID | None = None
    token_scopes: frozenset[str] | None = field(default=None, compare=False)

    @classmethod
    def system(cls, tenant_id: UUID, part: str) -> "Actor":
        """A part of Interlock itself (engine, gateway, sweeper). It holds no permission of a person."""
        return cls("system", uuid5(_SYSTEM_NAMESPACE, part), tenant_id, part, "system")

    @classmethod
    def host(cls, tenant_id: UUID, login: str) -> "Actor":
        """Whoever runs a command beside the database under this login. It may stop work, nothing else."""
        return cls("system", uuid5(_SYSTEM_NAMESPACE, f"host:{login}"), tenant_id, f"host {login}"[:150], "host")

    @property
    def is_person(self) -> bool:
        return self.kind == "human"
