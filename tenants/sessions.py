"""What happens to a person's sign-in, told in the record of each organisation that the person belongs to."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from tenants import ports, scope, services
from tenants.actors import Actor
from tenants.events import FactorsChanged, SessionOpened, SessionsEnded
from tenants.models import User


def note_opened(*, user: User, methods: Sequence[str]) -> None:
    _tell(user, SessionOpened(user.pk, list(methods)))


def note_change(*, user: User, change: str) -> None:
    """`change`: `totp_activated`, `webauthn_removed`, `password_changed` and the like."""
    _tell(user, FactorsChanged(user.pk, change))


def end(*, user: User, rows: Sequence[Any]) -> int:
    """End these sessions of the user at once; how many."""
    for row in rows:
        row.end()
    if rows:
        _tell(user, SessionsEnded(user.pk, len(rows)))
    return len(rows)


def _tell(user: User, event: object) -> None:
    for tenant_id, _ in services.tenants_of(user.pk):
        with scope.enter(tenant_id), transaction.atomic():
            ports.record.get()(event, actor=Actor(user.kind, user.pk, tenant_id, user.label, "session"))
