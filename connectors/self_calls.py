"""Calls of Interlock to itself: the drill of the kill switch and the canary of enforcement use the real gateway."""

from uuid import UUID

from django.db import transaction

from connectors import gateway, manifests
from connectors.calls import CallSpec, CallStatus, Lane
from connectors.models import ConnectorInstance
from tenants.actors import Actor
from tenants.models import Environment

NAME = "interlock"
VERSION = "1.0.0"
NOWHERE = "https://interlock.invalid"


@transaction.atomic
def install() -> None:
    """The instance that the pings go through; it has no address and no credential."""
    manifest = manifests.load(NAME, VERSION)
    pinned = {"manifest_version": manifest.version, "manifest_digest": manifest.digest}
    ConnectorInstance.objects.get_or_create(name=NAME, defaults={"driver": NAME, "base_url": NOWHERE, **pinned})


def propose(
    *, tool: str, workflow: str, environment: Environment, run_id: UUID, key: str, lane: Lane, actor: Actor
) -> CallStatus:
    spec = CallSpec(
        run_id=run_id,
        workspace_id=environment.workspace_id,
        environment_id=environment.pk,
        tool=tool,
        tool_version=VERSION,
        instance=NAME,
        args={},
        idempotency_key=key,
        workflow=workflow,
        workflow_version=VERSION,
        lane=lane,
    )
    return gateway.propose(spec=spec, actor=actor)
