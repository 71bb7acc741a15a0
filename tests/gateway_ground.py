"""A tenant ready to make calls: stand-ins, vault, instances, a budget and the triage policy in force."""

import shutil
import uuid
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django.db import transaction

from connectors import gateway, manifests, services
from connectors.calls import CallSpec
from connectors.errors import ManifestInvalid
from connectors.gateway import clocks
from connectors.models import ReconcileTask
from connectors.sandbox import accounts
from metering import services as metering
from metering.types import BudgetKind, Period, Rate
from policies import packs
from tenants import vault
from tenants.actors import Actor
from tests import policy_ground
from tests.stand_ins import StandIns

MODEL = "interlock-sandbox-1"
CHANNEL = "C0ITSM"
APPROVALS = "C0APPROVALS"

SECRETS = {
    "servicenow": accounts.SERVICENOW_PASSWORD,
    "slack-bot": accounts.SLACK_BOT_TOKEN,
    "slack-signing": accounts.SLACK_SIGNING_SECRET,
    "anthropic": accounts.ANTHROPIC_KEY,
}
MANIFESTS = {"servicenow": "1.1.0", "slack": "1.2.0", "llm": "1.0.0"}
INSTANCES: dict[str, dict[str, Any]] = {
    "servicenow": {
        "driver": "servicenow",
        "config": {"auth": "basic", "username": accounts.SERVICENOW_USER},
        "credentials": {"password": "cred:servicenow"},
    },
    "slack": {
        "driver": "slack",
        "config": {"team_id": accounts.SLACK_TEAM, "app_id": accounts.SLACK_APP},
        "credentials": {"bot_token": "cred:slack-bot", "signing_secret": "cred:slack-signing"},
    },
    "anthropic": {
        "driver": "llm",
        "config": {"wire_api": "anthropic.messages"},
        "credentials": {"api_key": "cred:anthropic"},
    },
}


def install_manifests() -> None:
    """The data folder of the tests outlives a change of a built-in manifest: what was signed before goes."""
    try:
        manifests.install()
    except ManifestInvalid:
        shutil.rmtree(manifests.store().directory / "manifests")
        manifests.install()


def furnish(
    side: SimpleNamespace, stand_ins: StandIns, admin: Actor, *, install: Callable[[], None] = install_manifests
) -> None:
    """Inside the tenant's scope: everything but a policy."""
    install()
    for name, secret in SECRETS.items():
        vault.store(name=name, secret=secret.encode(), actor=admin)
    for name, spec in INSTANCES.items():
        save_instance(name, stand_ins, admin, **spec)
    metering.set_budget(kind=BudgetKind.TENANT, value="", period=Period.DAY, limit_micros=50_000_000, actor=admin)
    for provider in ("servicenow", "slack"):
        metering.set_price(provider=provider, model="", rate=Rate(Decimal(0), Decimal(0)), source="test", actor=admin)


def save_instance(name: str, stand_ins: StandIns, admin: Actor, **spec: Any) -> Any:
    folder = "anthropic" if spec["driver"] == "llm" else spec["driver"]
    return services.save_instance(
        name=name,
        manifest_version=MANIFESTS[spec["driver"]],
        base_url=f"{stand_ins.url}/{folder}",
        allow_loopback=True,
        actor=admin,
        **spec,
    )


def publish(side: SimpleNamespace, admin: Actor, **more: packs.PackSource) -> None:
    """The triage pack, and more packs by name. How packs are checked is tested elsewhere."""
    policy_ground.activate_packs(
        environment_id=side.environment.id,
        packs={"triage": packs.triage(channels=[CHANNEL]), **more},
        actor=admin,
        reason="",
        ttl_s=None,
    )


def service_actor(side: SimpleNamespace) -> Actor:
    return Actor("service", uuid.UUID(int=77), side.tenant.id, "servicenow-webhook", "webhook")


def worker(side: SimpleNamespace) -> Actor:
    return Actor.system(side.tenant.id, "engine")


def spec_for(side: SimpleNamespace, tool: str, instance: str, args: dict[str, Any], **changes: Any) -> CallSpec:
    spec = CallSpec(
        run_id=uuid.uuid4(),
        workspace_id=side.workspace.id,
        environment_id=side.environment.id,
        tool=tool,
        tool_version="1.0.0",
        instance=instance,
        args=args,
        idempotency_key=f"test:{uuid.uuid4()}",
        step_id="step",
        workflow="itsm-triage",
        workflow_version="1.0.0",
        ticket=f"INC{uuid.uuid4().hex[:8]}",
    )
    return replace(spec, **changes)


def update_args(sys_id: str, **fields: str) -> dict[str, Any]:
    return {"sys_id": sys_id, "fields": fields or {"category": "network"}, "work_note": "Routed by triage."}


def triage_args() -> dict[str, Any]:
    text = {"short_description": "VPN drops every few minutes", "description": "since this morning"}
    return {"model": MODEL, "prompt": "triage@1", "input": text, "schema": "triage_result@1"}


def go(side: SimpleNamespace, spec: CallSpec) -> gateway.CallStatus:
    """Propose as the service, advance as the engine."""
    proposed = gateway.propose(spec=spec, actor=service_actor(side))
    return gateway.advance(call_id=proposed.call_id, actor=worker(side))


def writes(stand_ins: StandIns) -> list[dict[str, Any]]:
    """The records that the platform changed at ServiceNow, as its ledger tells."""
    return stand_ins.ledger(vendor="servicenow", kind="field_update", origin="api")


def doubt(side: SimpleNamespace, vendors: StandIns, approve: Any) -> ReconcileTask:
    """An approved update that landed, whose reply and every probe's answer were lost: a task for a person."""
    args = update_args(vendors.incident(category="inquiry"))
    call = go(side, spec_for(side, "servicenow.incident.update", "servicenow", args))
    approve(side, call.request_id)
    vendors.fault("drop_after", method="PATCH", path="/api/now")
    gateway.advance(call_id=call.call_id, actor=worker(side))
    vendors.fault("status", times=len(clocks.PROBE_AFTER_S), method="GET", path="/api/now")
    for _ in clocks.PROBE_AFTER_S:
        gateway.probe(call_id=call.call_id, actor=worker(side))
    with transaction.atomic():
        return ReconcileTask.objects.select_related("call").get(call_id=call.call_id)
