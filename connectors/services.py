"""Verbs that set connectors up. Calls are made through `connectors.gateway` only."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from jsonschema import Draft202012Validator

from connectors import access, manifests
from connectors import classes as data_classes
from connectors.calls import CallState, Lane
from connectors.errors import ConfigInvalid
from connectors.events import EndpointCreated, EndpointSwitched, InstanceSaved, SlackUserLinked, SlackUserUnlinked
from connectors.gateway.clocks import LAST_BYTE_S
from connectors.manifests import Manifest
from connectors.models import ConnectorInstance, SlackIdentity, ToolCall, WebhookEndpoint
from controlplane.lib import clock
from controlplane.lib.canonical import canonical, sha256_hex
from controlplane.lib.errors import Invalid
from controlplane.lib.events import Committed
from evidence.services import record
from tenants.actors import Actor
from tenants.models import Environment, Membership, User
from tenants.permissions import Perm, require

IN_FLIGHT = timedelta(seconds=LAST_BYTE_S)


@dataclass(frozen=True)
class NewEndpoint:
    """`token` is shown once: it is the last part of the endpoint's address."""

    endpoint: WebhookEndpoint
    token: str


@transaction.atomic(durable=True)
def save_instance(
    *,
    name: str,
    driver: str,
    manifest_version: str,
    base_url: str,
    config: Mapping[str, Any],
    credentials: Mapping[str, str],
    actor: Actor,
    allow_loopback: bool = False,
    enabled: bool = True,
    classes: Mapping[str, Any] | None = None,
    max_in_flight: int | None = None,
) -> ConnectorInstance:
    """Create or change the connector instance of this name; its manifest is pinned by digest.

    `credentials`: slot name → `cred:<name>`. `classes`: what its answers hold beyond the manifest
    (`connectors.classes`), None leaves that as it is.
    `max_in_flight`: at most so many forward calls at a time. Needs MANAGE_CONNECTORS; raises ConfigInvalid,
    ManifestInvalid.
    """
    require(actor, Perm.MANAGE_CONNECTORS)
    if allow_loopback and not settings.INTERLOCK_ALLOW_LOOPBACK:
        raise ConfigInvalid("this installation lets no connector reach its own machine (INTERLOCK_ALLOW_LOOPBACK)")
    manifest = manifests.load(driver, manifest_version)
    _check(manifest, config, credentials)
    _check_classes(classes or {})
    if max_in_flight is not None and max_in_flight < 1:
        raise ConfigInvalid("max_in_flight is 1 or more; to let nothing through, switch the instance off")
    chosen: dict[str, Any] = {
        "driver": driver,
        "manifest_version": manifest.version,
        "manifest_digest": manifest.digest,
        "base_url": base_url,
        "config": dict(config),
        "credentials": dict(credentials),
        "allow_loopback": allow_loopback,
        "max_in_flight": max_in_flight,
        "enabled": enabled,
        **({} if classes is None else {"classes": dict(classes)}),
    }
    instance, _ = ConnectorInstance.objects.update_or_create(name=name, defaults=chosen)
    committed = Committed(canonical(chosen))
    record(InstanceSaved(instance.pk, name, driver, manifest.digest, enabled, committed), actor=actor)
    return instance


@transaction.atomic(durable=True)
def create_endpoint(
    *,
    name: str,
    scheme: str,
    environment_id: UUID,
    instance_id: UUID,
    service_id: UUID,
    secret_ref: str,
    actor: Actor,
    event: str = "",
    next_secret_ref: str = "",
) -> NewEndpoint:
    """A door for deliveries of one sender, who acts as the service identity. Needs MANAGE_CONNECTORS."""
    require(actor, Perm.MANAGE_CONNECTORS)
    if scheme not in WebhookEndpoint.Scheme.values:
        raise Invalid(f"scheme is one of {', '.join(WebhookEndpoint.Scheme.values)}", field="scheme")
    if not User.objects.filter(pk=service_id, kind=User.Kind.SERVICE).exists():
        raise Invalid("deliveries act as a service identity, never as a person", field="service")
    environment = Environment.objects.get(pk=environment_id)
    token = secrets.token_urlsafe(32)
    endpoint = WebhookEndpoint.objects.create(
        name=name,
        scheme=scheme,
        workspace_id=environment.workspace_id,
        environment=environment,
        instance=access.instance(actor, instance_id),
        service_id=service_id,
        event=event,
        token_digest=bytes.fromhex(sha256_hex(token.encode())),
        secret_ref=secret_ref,
        next_secret_ref=next_secret_ref,
    )
    record(EndpointCreated(endpoint.pk, name, scheme), actor=actor, workspace_id=environment.workspace_id)
    return NewEndpoint(endpoint, token)


@transaction.atomic(durable=True)
def switch_endpoint(*, endpoint_id: UUID, enabled: bool, actor: Actor) -> None:
    require(actor, Perm.MANAGE_CONNECTORS)
    endpoint = WebhookEndpoint.objects.select_for_update().get(pk=endpoint_id)
    endpoint.enabled = enabled
    endpoint.save(update_fields=["enabled"])
    record(EndpointSwitched(endpoint.pk, enabled), actor=actor, workspace_id=endpoint.workspace_id)


@transaction.atomic(durable=True)
def link_slack_user(*, team_id: str, slack_user_id: str, user_id: UUID, actor: Actor) -> SlackIdentity:
    """Say that a Slack user is a platform user. Never guessed from an e-mail address. Needs ADMIN."""
    require(actor, Perm.ADMIN)
    people = Membership.objects.filter(user_id=user_id, user__kind=User.Kind.HUMAN, user__is_active=True)
    if not people.exists():
        raise Invalid("only an active person of this tenant can be linked", field="user")
    identity, _ = SlackIdentity.objects.update_or_create(
        team_id=team_id, slack_user_id=slack_user_id, defaults={"user_id": user_id, "linked_by": actor.id}
    )
    record(SlackUserLinked(team_id, slack_user_id, user_id), actor=actor)
    return identity


@transaction.atomic(durable=True)
def unlink_slack_user(*, identity_id: UUID, actor: Actor) -> None:
    require(actor, Perm.ADMIN)
    identity = SlackIdentity.objects.get(pk=identity_id)
    identity.delete()
    record(SlackUserUnlinked(identity.team_id, identity.slack_user_id), actor=actor)


def may_have_landed(*, idempotency_key: str) -> bool:
    """Whether the call of this key was sent, so that it has an effect or may still turn out to have one."""
    sent = (CallState.DISPATCHED, CallState.UNKNOWN, CallState.SUCCEEDED)
    return ToolCall.objects.filter(idempotency_key=idempotency_key, state__in=sent).exists()


def in_flight(*, kind: str, value: str, undoing: bool) -> int:
    """Calls under a halt's scope that were dispatched and could still send; of every tenant for `global`.

    A call of a worker that died is not in flight once its window and deadline have passed: it can only be probed.
    """
    since = clock.now() - IN_FLIGHT
    if kind == "global":
        return _in_flight_anywhere(since, undoing)
    sent = ToolCall.objects.filter(state=CallState.DISPATCHED, dispatched_at__gte=since)
    stays_open = Q(lane=Lane.COMPENSATION) if undoing else Q(pk=None)
    return sent.filter(_under(kind, value)).exclude(stays_open).count()


def _in_flight_anywhere(since: datetime, undoing: bool) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT routing.calls_in_flight(%s, %s)", [since, undoing])
        counted: int = cursor.fetchone()[0]
    return counted


def _under(kind: str, value: str) -> Q:
    if kind in {"global", "tenant"}:
        return Q()
    by_name = {
        "workspace": "workspace__slug",
        "environment": "environment__slug",
        "workflow": "workflow",
        "connector": "instance__name",
        "tool": "tool",
    }
    by_id = {"workspace": "workspace_id", "environment": "environment_id", "agent": "actor_id"}
    named = Q(**{by_name[kind]: value}) if kind in by_name else Q(pk=None)
    return named | Q(**{by_id[kind]: value}) if kind in by_id and _is_uuid(value) else named


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def _check_classes(classes: Mapping[str, Any]) -> None:
    if wrong := data_classes.problem(classes):
        raise ConfigInvalid(f"classes: {wrong}")


def _check(manifest: Manifest, config: Mapping[str, Any], credentials: Mapping[str, str]) -> None:
    error = next(Draft202012Validator(manifest.config_schema).iter_errors(dict(config)), None)
    if error is not None:
        raise ConfigInvalid(f"config: {error.message}")
    foreign = set(credentials) - set(manifest.credentials)
    if foreign or not credentials:
        raise ConfigInvalid(f"credentials are of {', '.join(manifest.credentials)}")
    if not all(ref.startswith("cred:") for ref in credentials.values()):
        raise ConfigInvalid("a credential is a reference (cred:<name>), never the secret")
