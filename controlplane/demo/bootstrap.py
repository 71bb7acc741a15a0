"""What `manage.py bootstrap_demo` founds: the tenant acme with people, connectors, prices, budgets, policy, workflow.

It uses the rooms' verbs only; everything it makes could be made by hand in the console and the admin.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from connectors import manifests
from connectors import services as connectors
from connectors.sandbox import accounts
from connectors.sandbox.servicenow import schema
from controlplane.demo.installation import Logins
from controlplane.demo.review import USERGROUP
from controlplane.demo.review import WORKFLOW as REVIEW
from controlplane.demo.vendors import CARD_CHANNEL, TEAM_CHANNEL
from metering import services as metering
from metering.types import HUMAN, BudgetKind, Period, Rate
from policies import packs
from policies import services as policies
from policies.types import PackSource
from tenants import scope, services, triggers, vault
from tenants.actors import Actor
from tenants.models import User
from tenants.roles import Perm, Role
from tenants.triggers import Rule
from workflows import library
from workflows import services as workflows

LIBRARY = Path(__file__).with_name("library")
TENANT, WORKSPACE, ENVIRONMENT = "acme", "itsm", "prod"
MANIFESTS = {"servicenow": "1.1.0", "slack": "1.2.0", "llm": "1.0.0"}
MODEL = "interlock-sandbox-1"
PRICE_SOURCE = "made up for the stand-ins"
PEOPLE: Mapping[str, tuple[Role, ...]] = {
    "alice": (Role.ADMIN,),
    "bob": (Role.APPROVER,),
    "carol": (Role.APPROVER,),
}
SLACK_USERS = {"alice": "U0ALICE", "bob": "U0BOB", "carol": "U0CAROL"}
PRICES: Mapping[tuple[str, str], Rate] = {
    ("anthropic", MODEL): Rate(Decimal("1.00"), Decimal("5.00")),
    ("openai", MODEL): Rate(Decimal("1.00"), Decimal("5.00")),
    ("servicenow", ""): Rate(Decimal(0), Decimal(0), per_call=Decimal("0.0002")),
    ("slack", ""): Rate(Decimal(0), Decimal(0), per_call=Decimal("0.0001")),
    (HUMAN, ""): Rate(Decimal(0), Decimal(0), per_call=Decimal("0.80")),
}
DOLLAR = 1_000_000
DRIVER_SCOPES = [Perm.VIEW, Perm.VIEW_COSTS, Perm.START_RUN, Perm.EXPORT_EVIDENCE]


@dataclass(frozen=True)
class Ground:
    """The founded tenant and who acts for it."""

    tenant_id: UUID
    workspace_id: UUID
    environment_id: UUID
    admin: Actor
    passwords: dict[str, str]
    users: dict[str, UUID]


def found(*, vendors_url: str) -> Logins:
    """Found everything; returns what people and the demo's driver need to know."""
    manifests.install()
    ground = _tenant()
    with scope.enter(ground.tenant_id):
        instances = _connectors(ground, vendors_url)
        _money(ground.admin)
        webhook_secret = _secret()
        webhook, slack = _doors(ground, instances, webhook_secret)
        policies.publish(
            environment_id=ground.environment_id,
            packs={
                "triage": packs.triage(channels=[TEAM_CHANNEL]),
                "close": _closing_pack(),
                "access_review": _review_pack(),
            },
            actor=ground.admin,
            reason="the demo's policy",
        )
        for source in _workflows():
            workflows.publish_version(workspace_id=ground.workspace_id, source=source, actor=ground.admin)
        triggers.set_trigger(name="canary", rule=Rule(kind="canary"), actor=ground.admin)
        token = services.issue_token(
            user_id=ground.users["alice"],
            name="demo driver",
            scopes=[perm.value for perm in DRIVER_SCOPES],
            lives=timedelta(days=1),
            actor=ground.admin,
        )
    return Logins(
        tenant=TENANT,
        passwords=ground.passwords,
        token=token.secret,
        webhook_path=f"/hooks/{webhook}",
        webhook_secret=webhook_secret,
        slack_path=f"/slack/{slack}",
        environment=ENVIRONMENT,
        forbidden_workflow="itsm-close",
    )


def _closing_pack() -> PackSource:
    """Grants the workflow that is to be denied everything but the field that it wants to write."""
    return PackSource(source=(LIBRARY / "close.rego").read_text(), tests=(LIBRARY / "close_test.rego").read_text())


def _review_pack() -> PackSource:
    privileged = schema.stable_id("sys_user_group", "Domain Admins")
    return packs.access_review(privileged_groups=[privileged], usergroups=[USERGROUP])


def _workflows() -> list[str]:
    """Sources: the product's own triage and access review, and the one that is to be denied."""
    return [library.source("itsm-triage"), library.source(REVIEW), (LIBRARY / "itsm-close.yaml").read_text()]


def _tenant() -> Ground:
    made = services.create_tenant(slug=TENANT, name="Acme", workspace=WORKSPACE, keep_content=True)
    passwords = {name: secrets.token_urlsafe(12) for name in PEOPLE}
    users = {
        name: services.create_user(username=name, password=passwords[name], name=name.title()).pk for name in PEOPLE
    }
    hook = services.create_user(username="servicenow-webhook", password=None, name="ServiceNow webhook", kind="service")
    users[hook.username] = hook.pk
    installer = Actor.system(made.tenant.pk, "installer")
    with scope.enter(made.tenant.pk):
        for name, roles in {**PEOPLE, hook.username: (Role.SERVICE,)}.items():
            for role in roles:
                services.grant_role(user_id=users[name], role=role, workspace_id=made.workspace.pk, actor=installer)
    admin = Actor(User.Kind.HUMAN, users["alice"], made.tenant.pk, "Alice", "system")
    environment = made.environments[ENVIRONMENT]
    return Ground(made.tenant.pk, made.workspace.pk, environment.pk, admin, passwords, users)


def _connectors(ground: Ground, vendors_url: str) -> dict[str, UUID]:
    """The three instances, all of them pointed at the stand-ins."""

    def keep(name: str, secret: str) -> str:
        return vault.store(name=name, secret=secret.encode(), actor=ground.admin)

    servicenow = {
        "client_secret": keep("servicenow-client", accounts.SERVICENOW_CLIENT_SECRET),
        "password": keep("servicenow-password", accounts.SERVICENOW_PASSWORD),
    }
    slack = {
        "bot_token": keep("slack-bot", accounts.SLACK_BOT_TOKEN),
        "signing_secret": keep("slack-signing", accounts.SLACK_SIGNING_SECRET),
    }
    workspace = {"team_id": accounts.SLACK_TEAM, "app_id": accounts.SLACK_APP, "approvals_channel": CARD_CHANNEL}
    oauth = {
        "auth": "client_credentials",
        "client_id": accounts.SERVICENOW_CLIENT_ID,
        "username": accounts.SERVICENOW_USER,
    }
    anthropic = {"wire_api": "anthropic.messages", "wire_version": "2023-06-01"}
    openai = {"wire_api": "openai.chat"}
    wanted = {
        "servicenow": ("servicenow", "/servicenow", oauth, servicenow),
        "slack": ("slack", "/slack", workspace, slack),
        "anthropic": ("llm", "/anthropic", anthropic, {"api_key": keep("anthropic", accounts.ANTHROPIC_KEY)}),
        "openai": ("llm", "/openai", openai, {"api_key": keep("openai", accounts.OPENAI_KEY)}),
    }
    return {
        name: connectors.save_instance(
            name=name,
            driver=driver,
            manifest_version=MANIFESTS[driver],
            base_url=f"{vendors_url}{path}",
            config=config,
            credentials=credentials,
            allow_loopback=True,
            actor=ground.admin,
        ).pk
        for name, (driver, path, config, credentials) in wanted.items()
    }


def _money(admin: Actor) -> None:
    for (provider, model), rate in PRICES.items():
        metering.set_price(provider=provider, model=model, rate=rate, source=PRICE_SOURCE, actor=admin)
    budgets = ((BudgetKind.TENANT, "", 50), (BudgetKind.WORKFLOW, "itsm-triage", 25), (BudgetKind.MODEL, MODEL, 10))
    for kind, value, dollars in budgets:
        limit = dollars * DOLLAR
        metering.set_budget(kind=kind, value=value, period=Period.DAY, limit_micros=limit, actor=admin)


def _doors(ground: Ground, instances: Mapping[str, UUID], webhook_secret: str) -> tuple[str, str]:
    """Where ServiceNow's webhook and Slack's clicks come in; the secret parts of their addresses.

    Slack's clicks come in two ways: over HTTP, and over a line that the platform opens to Slack.
    """
    line_ref = vault.store(name="slack-app", secret=accounts.SLACK_APP_TOKEN.encode(), actor=ground.admin)
    webhook_ref = vault.store(name="servicenow-webhook", secret=webhook_secret.encode(), actor=ground.admin)
    doors = {
        "servicenow": ("standard", "incident.created", webhook_ref),
        "slack": ("slack", "", "cred:slack-signing"),
        "slack-socket": ("slack-socket", "", line_ref),
    }
    tokens = [
        connectors.create_endpoint(
            name=name,
            scheme=scheme,
            environment_id=ground.environment_id,
            instance_id=instances[name.removesuffix("-socket")],
            service_id=ground.users["servicenow-webhook"],
            secret_ref=secret_ref,
            event=event,
            actor=ground.admin,
        ).token
        for name, (scheme, event, secret_ref) in doors.items()
    ]
    for name, slack_user in SLACK_USERS.items():
        connectors.link_slack_user(
            team_id=accounts.SLACK_TEAM, slack_user_id=slack_user, user_id=ground.users[name], actor=ground.admin
        )
    return tokens[0], tokens[1]


def _secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
