"""The only fetch for views: foreign and missing look the same."""

from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from connectors.errors import EndpointNotFound, InstanceNotFound
from connectors.gateway.errors import CallNotFound
from connectors.models import ConnectorInstance, SlackIdentity, ToolCall, WebhookEndpoint
from controlplane.lib.canonical import sha256_hex
from tenants.actors import Actor
from tenants.permissions import Perm, held, holds_anywhere


def call(actor: Actor, call_id: UUID) -> ToolCall:
    """Raises CallNotFound also when the actor may not see the call's workspace."""
    found = ToolCall.objects.select_related("instance").filter(pk=call_id).first()
    if found is None or Perm.VIEW not in held(actor, found.workspace_id):
        raise CallNotFound()
    return found


def calls_of_run(actor: Actor, run_id: UUID) -> list[ToolCall]:
    """In the order they were proposed; those of workspaces that the actor cannot see are left out."""
    rows = list(ToolCall.objects.select_related("instance").filter(run_id=run_id).order_by("id"))
    visible = {workspace for workspace in {row.workspace_id for row in rows} if Perm.VIEW in held(actor, workspace)}
    return [row for row in rows if row.workspace_id in visible]


def instances(actor: Actor) -> QuerySet[ConnectorInstance]:
    if not holds_anywhere(actor, Perm.VIEW):
        return ConnectorInstance.objects.none()
    return ConnectorInstance.objects.order_by("name")


def instance(actor: Actor, instance_id: UUID) -> ConnectorInstance:
    found = instances(actor).filter(pk=instance_id).first()
    if found is None:
        raise InstanceNotFound()
    return found


def tenant_of_endpoint(token: str) -> UUID:
    """The tenant behind an opaque path token; raises EndpointNotFound. Needs no scope, reads ids only."""
    digest = bytes.fromhex(sha256_hex(token.encode()))
    with connection.cursor() as cursor:
        cursor.execute("SELECT routing.webhook_tenant(%s)", [digest])
        row = cursor.fetchone()
    if row is None or row[0] is None:
        raise EndpointNotFound()
    return UUID(str(row[0]))


def endpoint(token: str, scheme: str) -> WebhookEndpoint:
    """The enabled endpoint of the entered tenant; raises EndpointNotFound."""
    digest = bytes.fromhex(sha256_hex(token.encode()))
    found = (
        WebhookEndpoint.objects.select_related("instance", "service")
        .filter(token_digest=digest, scheme=scheme, enabled=True)
        .first()
    )
    if found is None:
        raise EndpointNotFound()
    return found


def slack_identity(team_id: str, slack_user_id: str) -> SlackIdentity | None:
    return SlackIdentity.objects.select_related("user").filter(team_id=team_id, slack_user_id=slack_user_id).first()
