"""The lines of Socket Mode that this process holds: one per endpoint of the scheme `slack-socket`, of every tenant.

Several processes may listen: Slack gives an envelope to one of them, and the guard against replays is in the database.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, connections, transaction
from slack_bolt.adapter.socket_mode.internals import run_bolt_app, send_response

from connectors import access
from connectors.errors import EndpointNotFound, SignatureRefused
from connectors.gateway import tools
from connectors.slack import intake, reports
from connectors.slack.interactivity import app_for
from connectors.slack.reports import Report
from connectors.slack.transport_socket import Client, Envelope, LineRefused, SocketLine, acknowledge
from connectors.types import Instance
from controlplane.lib import clock
from controlplane.lib.canonical import sha256_hex
from controlplane.lib.errors import DomainError
from controlplane.lib.logs import bind, get_logger
from tenants import scope, vault
from tenants.services import every_tenant

log = get_logger(__name__)


@dataclass(frozen=True)
class Ear:
    """What a line is opened for. Two are the same while nothing that opens it has changed."""

    tenant_id: UUID
    endpoint_id: UUID
    base_url: str
    token_digest: str


@dataclass
class Switchboard:
    """Opens and closes lines so that they are what the endpoints say."""

    def __post_init__(self) -> None:
        self.lines: dict[Ear, SocketLine] = {}
        self._said: dict[Ear, tuple[Report, datetime]] = {}

    def refresh(self) -> None:
        """Safe to call at any time: opens what is missing, then closes what is not wanted any more."""
        wanted = _wanted()
        for ear in wanted.keys() - self.lines.keys():
            self.lines[ear] = _line(ear, *wanted[ear])
        for line in self.lines.values():
            _dial(line)
        for ear in self.lines.keys() - wanted.keys():
            self._hang_up(ear)
        for ear, line in self.lines.items():
            self._speak(ear, line)

    def close(self) -> None:
        while self.lines:
            with suppress(DatabaseError):
                self._hang_up(next(iter(self.lines)))

    def _hang_up(self, ear: Ear) -> None:
        self.lines.pop(ear).close()
        self._said.pop(ear, None)
        if not any(other.endpoint_id == ear.endpoint_id for other in self.lines):
            with scope.enter(ear.tenant_id):
                reports.hang_up(ear.endpoint_id)

    def _speak(self, ear: Ear, line: SocketLine) -> None:
        """When something has changed, and from time to time: who is not heard of is not believed."""
        report, (before, said_at) = _report(line), self._said.get(ear, (None, clock.now()))
        if report == before and clock.now() - said_at < reports.SAY_EVERY:
            return
        with scope.enter(ear.tenant_id):
            reports.say(ear.endpoint_id, report)
        self._said[ear] = (report, clock.now())


def _report(line: SocketLine) -> Report:
    return Report(line.is_connected(), line.heard_at, line.trouble, line.troubled_at)


def _line(ear: Ear, instance: Instance, app_token: str) -> SocketLine:
    line = SocketLine(instance, app_token)

    def hear(client: Client, request: Envelope) -> None:
        line.heard_at = clock.now()
        _hear(ear, client, request)

    line.socket_mode_request_listeners.append(hear)
    return line


def _dial(line: SocketLine) -> None:
    """The first time; from then on Slack's client looks after itself."""
    if line.current_app_monitor_started:
        return
    try:
        line.connect()
    except LineRefused as refused:
        log.warning("no line to Slack: %s", refused)
        if not line.trouble:
            line.note_trouble(str(refused))


def _hear(ear: Ear, client: Client, request: Envelope) -> None:
    """In a thread of Slack's client, which lives on: people click seldom, so it keeps no database connection."""
    try:
        answer(ear, client, request)
    finally:
        connections.close_all()


def answer(ear: Ear, client: Client, request: Envelope) -> None:
    """One envelope: taken in once, then handled by the same listeners as a signed click.

    A repeated one is acknowledged, too; one that could not be taken in is not, so that Slack sends it again.
    """
    began = time.time()
    try:
        with scope.enter(ear.tenant_id), bind(tenant_id=ear.tenant_id):
            _answer(ear, client, request, began)
    except EndpointNotFound:
        log.warning("an envelope came for an endpoint that is switched off")


def _answer(ear: Ear, client: Client, request: Envelope, began: float) -> None:
    try:
        interaction = intake.enveloped(
            endpoint_id=ear.endpoint_id, envelope_id=request.envelope_id, payload=request.payload
        )
    except SignatureRefused as refused:
        log.warning("slack envelope refused: %s", refused.reason)
        interaction = None
    if interaction is None:
        acknowledge(client, request)
        return
    send_response(client, request, run_bolt_app(app_for(interaction), request), began)


def _wanted() -> dict[Ear, tuple[Instance, str]]:
    with transaction.atomic():
        tenants = every_tenant()
    found: dict[Ear, tuple[Instance, str]] = {}
    for tenant_id in tenants:
        with scope.enter(tenant_id), transaction.atomic():
            found |= _wanted_in(tenant_id)
    return found


def _wanted_in(tenant_id: UUID) -> dict[Ear, tuple[Instance, str]]:
    found = {}
    for endpoint in access.listening_endpoints():
        try:
            token = vault.reveal(endpoint.next_secret_ref or endpoint.secret_ref)
        except DomainError as missing:
            log.warning("no line for %s: %s", endpoint.name, missing.detail)
            continue
        instance = tools.address(endpoint.instance)
        found[Ear(tenant_id, endpoint.pk, instance.base_url, sha256_hex(token))] = (instance, token.decode())
    return found
