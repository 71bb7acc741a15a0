"""Verbs on tenants, members and tokens; those on roles stand in `granting`."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from controlplane.lib import clock, ids
from controlplane.lib.errors import Conflict, Invalid, NotFound
from tenants import ports, scope
from tenants.actors import Actor
from tenants.errors import PermissionMissing
from tenants.events import TenantCreated, TokenIssued, TokenRevoked
from tenants.granting import grant_role, require_admin, withdraw_role
from tenants.models import ApiToken, Environment, Membership, Tenant, User, Workspace
from tenants.roles import Perm

__all__ = ["grant_role", "withdraw_role"]

TOKEN_PREFIX = "il_"  # noqa: S105 - a recognisable prefix, not a secret
LONGEST_TOKEN = timedelta(days=366)


@dataclass(frozen=True)
class NewTenant:
    tenant: Tenant
    workspace: Workspace
    environments: dict[str, Environment]


def create_tenant(*, slug: str, name: str, workspace: str, keep_content: bool = False) -> NewTenant:
    """A tenant with one workspace and its three environments. Done by the operator beside the database."""
    tenant = Tenant(id=ids.uuid7(), slug=slug, name=name, keep_content=keep_content)
    with scope.enter(tenant.id), transaction.atomic(durable=True):
        if tenant_id_of(slug) is not None:
            raise Conflict(f"the tenant {slug} exists already")
        tenant.full_clean(validate_unique=False)
        tenant.save()
        place = Workspace.objects.create(slug=workspace, name=workspace.upper())
        environments = {
            kind: Environment.objects.create(workspace=place, slug=kind) for kind in Environment.Slug.values
        }
        tenant.home_workspace_id = place.id
        tenant.save()
        ports.record.get()(TenantCreated(slug), actor=Actor.system(tenant.id, "installer"))
    return NewTenant(tenant, place, environments)


def create_user(*, username: str, password: str | None, name: str, kind: str = User.Kind.HUMAN) -> User:
    """A global identity without any right; None as password makes one that cannot sign in (services)."""
    first, _, last = name.partition(" ")
    user = User(username=username, first_name=first, last_name=last, kind=kind)
    if password is None:
        user.set_unusable_password()
    else:
        user.set_password(password)
    user.save()
    return user


@dataclass(frozen=True)
class NewToken:
    """The only time that the token itself is seen."""

    row: ApiToken
    secret: str


@transaction.atomic(durable=True)
def issue_token(
    *,
    user_id: UUID,
    name: str,
    scopes: list[str],
    lives: timedelta,
    actor: Actor,
    on_behalf_of: UUID | None = None,
) -> NewToken:
    """A bearer token for a member; at most a year; scopes are permission names that it may use. Whoever signs in with a
    token hands on no more than that token has. `on_behalf_of`: a machine's token that acts for this person."""
    if actor.id != user_id:
        require_admin(actor, None)
    if actor.token_scopes is not None and not set(scopes) <= actor.token_scopes:
        raise PermissionMissing("a token cannot give another one more than it has itself")
    unknown = sorted(set(scopes) - {p.value for p in Perm})
    if unknown or not scopes:
        raise Invalid(f"scopes are permission names; unknown: {', '.join(unknown) or 'none given'}", field="scopes")
    if not timedelta(0) < lives <= LONGEST_TOKEN:
        raise Invalid("a token lives up to 366 days", field="expires_in_days")
    member = Membership.objects.select_related("user").filter(user_id=user_id).first()
    if member is None:
        raise Invalid("the user is not a member of this tenant", field="user")
    if on_behalf_of is not None:
        _check_principal(member.user, on_behalf_of)
    return new_token(user_id=user_id, name=name, scopes=scopes, lives=lives, on_behalf_of=on_behalf_of, actor=actor)


def new_token(
    *, user_id: UUID, name: str, scopes: list[str], lives: timedelta, on_behalf_of: UUID | None, actor: Actor
) -> NewToken:
    """The same inside an open transaction whose verb has asked whether the actor may."""
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(
        user_id=user_id,
        name=name,
        prefix=secret[:11],
        digest=token_digest(secret),
        scopes=sorted(set(scopes)),
        expires_at=clock.now() + lives,
        on_behalf_of_id=on_behalf_of,
    )
    told = TokenIssued(row.id, user_id, row.prefix, row.scopes, row.expires_at.isoformat(), on_behalf_of)
    ports.record.get()(told, actor=actor)
    return NewToken(row, secret)


def _check_principal(machine: User, person_id: UUID) -> None:
    """Only a machine acts for somebody, and only for a person of this tenant."""
    person = Membership.objects.filter(user_id=person_id, user__kind=User.Kind.HUMAN).exists()
    if machine.kind == User.Kind.HUMAN or not person:
        raise Invalid("a service or agent acts for a person of this tenant", field="on_behalf_of")


@transaction.atomic(durable=True)
def revoke_token(*, token_id: UUID, actor: Actor) -> ApiToken:
    row = ApiToken.objects.filter(pk=token_id).first()
    if row is None:
        raise NotFound
    if row.user_id != actor.id:
        require_admin(actor, None)
    if row.revoked_at is None:
        row.revoked_at = clock.now()
        row.save(update_fields=["revoked_at"])
        ports.record.get()(TokenRevoked(row.id, row.prefix), actor=actor)
    return row


def token_digest(secret: str) -> bytes:
    """Tokens carry 256 random bits, so a plain SHA-256 of them cannot be guessed back."""
    return hashlib.sha256(b"interlock.token.v1\0" + secret.encode()).digest()


def tenant_id_of(slug: str) -> UUID | None:
    """The tenant behind a name in a URL; None when there is none. Says nothing else about it."""
    return _route("SELECT routing.tenant_by_slug(%s)", slug)


def tenants_of(user_id: UUID) -> list[tuple[UUID, str]]:
    """Ids and slugs of the tenants that a user is a member of."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, slug FROM routing.tenants_of_user(%s)", [user_id])
        return list(cursor.fetchall())


def token_owner(secret: str) -> tuple[UUID, UUID] | None:
    """(tenant id, token id) of a bearer token, or None."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, token_id FROM routing.token(%s)", [token_digest(secret)])
        row: tuple[UUID, UUID] | None = cursor.fetchone()
        return row


def every_tenant() -> list[UUID]:
    """Ids of all tenants, for the processes that tick (sweeper, freshness)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM routing.tenants()")
        return [row[0] for row in cursor.fetchall()]


@transaction.atomic(durable=True)
def note_token_use(*, token_id: UUID, at: datetime) -> None:
    """Last use, to the minute: a busy token does not become a hot row."""
    stale = at - timedelta(minutes=1)
    unused = ApiToken.objects.filter(pk=token_id, last_used_at=None)
    if not unused.update(last_used_at=at):
        ApiToken.objects.filter(pk=token_id, last_used_at__lt=stale).update(last_used_at=at)


def _route(query: str, argument: str) -> UUID | None:
    with connection.cursor() as cursor:
        cursor.execute(query, [argument])
        row = cursor.fetchone()
        return row[0] if row else None
