"""What a halt can cover, and the lock that stands for it."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from uuid import UUID

from controlplane.lib.errors import Invalid


class Kind(StrEnum):
    GLOBAL = "global"
    TENANT = "tenant"
    WORKSPACE = "workspace"
    ENVIRONMENT = "environment"
    WORKFLOW = "workflow"
    CONNECTOR = "connector"
    TOOL = "tool"
    AGENT = "agent"


@dataclass(frozen=True, order=True)
class Scope:
    """What a halt covers. `value` names it inside the tenant (empty for global and tenant)."""

    kind: Kind
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.value else str(self.kind)

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """From `kind` or `kind:value`, as `str` writes it; raises Invalid."""
        kind, _, value = text.partition(":")
        if kind not in set(Kind):
            raise Invalid(f"a scope is one of {', '.join(Kind)}, with :name where it has one", field="scope")
        return cls(Kind(kind), value)

    def lock_key(self, tenant_id: UUID) -> int:
        owner = "" if self.kind is Kind.GLOBAL else str(tenant_id)
        digest = blake2b(f"halt|{owner}|{self}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)
