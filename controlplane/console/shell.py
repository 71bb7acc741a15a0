"""What every page of a tenant has around it: who, where, what waits, whether policy holds and writes are stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from approvals import access as approvals
from connectors import enforcement, lights
from connectors.lights import Light
from controlplane.lib import clock
from tenants import access, halts, permissions
from tenants.access import Organisation
from tenants.actors import Actor
from tenants.admin_base import ADMINISTRATION
from tenants.errors import HaltsUnreadable
from tenants.models import Halt, Tenant
from tenants.roles import Perm

# URL name, key after `g`, label; in groups
NAVIGATION = (
    (
        ("now", "n", "Now"),
        ("runs", "r", "Runs"),
        ("approvals", "a", "Approvals"),
        ("reconcile", "u", "Reconcile"),
        ("dead-letters", "d", "Dead letters"),
    ),
    (
        ("workflows", "w", "Workflows"),
        ("policies", "p", "Policies"),
        ("decisions", "l", "Decision log"),
        ("connectors", "c", "Connectors"),
    ),
    (("costs", "o", "Costs"), ("evidence", "e", "Evidence"), ("people", "h", "People"), ("halts", "k", "Kill switch")),
)


@dataclass(frozen=True, slots=True)
class Item:
    name: str
    key: str
    label: str
    url: str
    count: int


@dataclass(frozen=True, slots=True)
class Shell:
    """`halts` is None when they cannot be read: then every write is stopped."""

    person: str
    organisations: Sequence[Organisation]
    halts: Sequence[Halt] | None
    enforcement: Light
    waiting: int
    held: frozenset[Perm]
    navigation: tuple[tuple[Item, ...], ...]
    made_at: datetime
    admin_url: str

    @property
    def enforcement_words(self) -> str:
        return lights.WORDS[self.enforcement]

    @property
    def administers(self) -> bool:
        return bool(self.held & ADMINISTRATION)


def around(actor: Actor, tenant: Tenant) -> Shell:
    waiting = approvals.waiting(actor)
    return Shell(
        person=actor.label,
        organisations=access.organisations(actor.id),
        halts=_halts(),
        enforcement=enforcement.worst_light(actor),
        waiting=waiting,
        held=permissions.held_anywhere(actor),
        navigation=_navigation(tenant.slug, {"approvals": waiting}),
        made_at=clock.now(),
        admin_url=f"/o/{tenant.slug}/admin/",
    )


def _halts() -> Sequence[Halt] | None:
    try:
        return halts.every_active()
    except HaltsUnreadable:
        return None


def _navigation(slug: str, counts: dict[str, int]) -> tuple[tuple[Item, ...], ...]:
    return tuple(
        tuple(
            Item(name, key, label, reverse(f"console:{name}", args=[slug]), counts.get(name, 0))
            for name, key, label in group
        )
        for group in NAVIGATION
    )
