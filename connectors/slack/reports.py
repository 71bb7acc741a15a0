"""What a process that holds lines of Socket Mode says of them, and how that reads elsewhere."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from connectors import access
from connectors.line_models import SlackLine
from connectors.models import WebhookEndpoint
from controlplane.lib import clock
from tenants import scope
from tenants.actors import Actor
from tenants.permissions import Perm, holds_anywhere
from tenants.services import every_tenant

SAY_EVERY, BELIEVED, KEPT = timedelta(seconds=10), timedelta(seconds=30), timedelta(days=1)
LISTENER = f"{platform.node()[:60]}:{os.getpid()}"
NOBODY = "no process listens: start manage.py slack_socket"


@dataclass(frozen=True, slots=True)
class Report:
    """How a line stands, as the process that holds it knows."""

    connected: bool
    last_envelope_at: datetime | None = None
    last_error: str = ""
    last_error_at: datetime | None = None


@transaction.atomic(durable=True)
def say(endpoint_id: UUID, report: Report) -> None:
    """Keep it. What processes said that are gone for a day is forgotten."""
    now = clock.now()
    line: dict[str, Any] = {"endpoint_id": endpoint_id, "listener": LISTENER}
    SlackLine.objects.filter(seen_at__lt=now - KEPT).delete()
    before = SlackLine.objects.filter(**line).first()
    same = before is not None and before.connected == report.connected
    stands = {
        "connected": report.connected,
        "since": before.since if before is not None and same else now,
        "last_envelope_at": report.last_envelope_at,
        "last_error": report.last_error[:300],
        "last_error_at": report.last_error_at,
        "seen_at": now,
    }
    SlackLine.objects.update_or_create(**line, defaults=stands)


@transaction.atomic(durable=True)
def hang_up(endpoint_id: UUID) -> None:
    """This process holds the line no longer."""
    SlackLine.objects.filter(endpoint_id=endpoint_id, listener=LISTENER).delete()


@dataclass(frozen=True, slots=True)
class Shown:
    """An endpoint and one line of it; `line` None: nobody holds one. `state`: HEALTHY, DOWN or UNSEEN."""

    endpoint: WebhookEndpoint
    line: SlackLine | None

    @property
    def heard(self) -> bool:
        """Whether the process that held the line still speaks."""
        return self.line is not None and clock.now() - self.line.seen_at <= BELIEVED

    @property
    def connected(self) -> bool:
        return self.line is not None and self.heard and self.line.connected

    @property
    def state(self) -> str:
        return "HEALTHY" if self.connected else "DOWN" if self.heard else "UNSEEN"

    @property
    def words(self) -> str:
        if self.line is None:
            return NOBODY
        if not self.heard:
            return f"not heard of since {self.line.seen_at:%H:%M:%SZ}: {NOBODY}"
        return "connected" if self.connected else "not connected"

    @property
    def told(self) -> str:
        """All of it in a line, for a terminal."""
        if self.line is None:
            return f"{self.endpoint.name}: {self.words}"
        envelope = f"last envelope {_at(self.line.last_envelope_at)}"
        trouble = f", last error {_at(self.line.last_error_at)}: {self.line.last_error}" if self.line.last_error else ""
        return f"{self.endpoint.name}: {self.words} since {_at(self.line.since)}, {envelope}{trouble}"


def _at(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}" if moment else "never"


def shown(actor: Actor) -> list[Shown]:
    """The lines of the entered tenant. Needs an open transaction."""
    return _all() if holds_anywhere(actor, Perm.VIEW) else []


def _all() -> list[Shown]:
    """Every endpoint that wants a line, with each line that a process spoke of lately, or with the last one."""
    found: list[Shown] = []
    for endpoint in access.listening_endpoints():
        lines = [Shown(endpoint, line) for line in endpoint.lines.order_by("-seen_at")]
        found += [one for one in lines if one.heard] or lines[:1] or [Shown(endpoint, None)]
    return found


def everywhere() -> Sequence[tuple[Shown, bool]]:
    """The lines of every tenant, for whoever looks after the machine; whether the endpoint has one that stands."""
    with transaction.atomic():
        tenants = every_tenant()
    found: list[Shown] = []
    for tenant_id in tenants:
        with scope.enter(tenant_id), transaction.atomic():
            found += _all()
    served = {one.endpoint.pk for one in found if one.connected}
    return [(one, one.endpoint.pk in served) for one in found]
