"""Signing in at a tenant's own identity provider. What it says counts in that tenant and nowhere else."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.errors import Invalid
from tenants import egress_oidc, ports, scope, services, vault
from tenants.actors import Actor
from tenants.events import IdentityProviderSet, MemberAdmitted
from tenants.granting import put_role
from tenants.models import IdentityProvider, Membership, Tenant, User
from tenants.permissions import Perm, require
from tenants.roles import Role

CREDENTIAL = "identity-provider"
SECOND_FACTORS = frozenset({"mfa", "otp", "hwk", "swk", "sc"})
"""Authentication methods (RFC 8176) that say a second factor was used."""
ADMITTING = frozenset({Role.VIEWER, Role.OPERATOR, Role.AUDITOR, Role.POLICY_AUTHOR})
"""Roles that coming from the identity provider may give; who decides or administers is named by a person."""


@dataclass(frozen=True, slots=True)
class Client:
    """What a sign-in needs to know. `secret` is plaintext: it leaves for the provider's token endpoint only."""

    tenant_id: UUID
    slug: str
    issuer: str
    client_id: str
    secret: str


@transaction.atomic(durable=True)
def set_provider(
    *,
    issuer: str,
    client_id: str,
    actor: Actor,
    step_up: bool = False,
    step_up_acr: str = "",
    default_role: str = "",
    enabled: bool = True,
) -> IdentityProvider:
    """Name the tenant's provider; its secret was stored as the credential `identity-provider`. Needs ADMIN."""
    require(actor, Perm.ADMIN)
    egress_oidc.require_safe(issuer)
    if default_role and default_role not in ADMITTING:
        raise Invalid(f"people who come are {', '.join(sorted(ADMITTING))}, or nobody", field="default_role")
    told = IdentityProviderSet(issuer.rstrip("/"), client_id, step_up, step_up_acr, default_role, enabled)
    by = {"secret_ref": f"cred:{CREDENTIAL}", "set_by": actor.id, "set_at": clock.now()}
    row, _ = IdentityProvider.objects.update_or_create(defaults={**asdict(told), **by})
    ports.record.get()(told, actor=actor)
    return row


def provider(actor: Actor) -> IdentityProvider | None:
    """The tenant's provider, for an administrator."""
    require(actor, Perm.ADMIN)
    return IdentityProvider.objects.first()


def client(slug: str) -> Client | None:
    """The provider of the tenant with this name; None without one, or without such a tenant."""
    tenant_id = services.tenant_id_of(slug)
    if tenant_id is None:
        return None
    with scope.enter(tenant_id), transaction.atomic():
        row = IdentityProvider.objects.filter(enabled=True).first()
        if row is None:
            return None
        return Client(tenant_id, slug, row.issuer, row.client_id, vault.reveal(row.secret_ref).decode())


@transaction.atomic(durable=True)
def admit(*, claims: Mapping[str, Any]) -> User | None:
    """A person who came for the first time, in the entered tenant: a user of their own with the default role.

    Never an existing user, whatever e-mail the provider tells: an address only proposes. None when nobody is let in.
    """
    row = IdentityProvider.objects.get()
    if not row.default_role:
        return None
    tenant = Tenant.objects.get(pk=scope.current())
    user = services.create_user(username=_username(tenant.slug, claims), password=None, name=_name(claims))
    system = Actor.system(tenant.pk, "sso")
    ports.record.get()(MemberAdmitted(user.pk, row.issuer, row.default_role), actor=system)
    put_role(user=user, role=Role(row.default_role), workspace_id=tenant.home_workspace_id, actor=system)
    return user


def belongs(user: User) -> bool:
    """Whether the user may come in at the entered tenant's door: a person, active, a member."""
    alive = user.is_active and user.kind == User.Kind.HUMAN
    return alive and Membership.objects.filter(user=user).exists()


def can_step_up(user_id: UUID) -> bool:
    """Whether a fresh sign-in at the entered tenant's provider can be this person's second factor."""
    row = IdentityProvider.objects.filter(enabled=True, step_up=True).first()
    return row is not None and SocialAccount.objects.filter(provider=str(row.tenant_id), user_id=user_id).exists()


def says_second_factor(row: IdentityProvider, claims: Mapping[str, Any]) -> bool:
    """What the administrator asked for by `acr`, or a method that is a second factor; nothing said is a no."""
    if row.step_up_acr:
        return claims.get("acr") == row.step_up_acr
    methods = claims.get("amr")
    return isinstance(methods, list) and bool(SECOND_FACTORS & {str(each) for each in methods})


def _username(slug: str, claims: Mapping[str, Any]) -> str:
    plain = re.sub(r"[^\w.@+-]", "-", str(claims["sub"]))
    return f"{plain}@{slug}.sso"[:150]


def _name(claims: Mapping[str, Any]) -> str:
    said = claims.get("name") or claims.get("preferred_username") or claims["sub"]
    return str(said)[:150]
