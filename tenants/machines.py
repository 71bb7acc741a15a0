"""Services and agents: identities with credentials of their own, rotated with an overlap, closed at once."""

import re
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.errors import Conflict, Invalid, NotFound
from tenants import ports, services
from tenants.actors import Actor
from tenants.events import ServiceClosed, ServiceMade, TokenRotated
from tenants.granting import put_role, require_admin
from tenants.models import ApiToken, Membership, ServiceIdentity, Tenant, User
from tenants.permissions import Perm, require
from tenants.roles import Role
from tenants.services import NewToken

ROLES = frozenset({Role.SERVICE, Role.POLICY_SERVER, Role.VIEWER, Role.OPERATOR, Role.AUDITOR})
"""What a machine may be. None of them decides, and none administers."""
LONGEST_OVERLAP = timedelta(days=7)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@transaction.atomic(durable=True)
def make(
    *, name: str, kind: str, purpose: str, owner_id: UUID, workspace_id: UUID, role: Role, actor: Actor
) -> ServiceIdentity:
    """A service or agent with one role in a workspace, and a member who answers for it. Needs ADMIN."""
    require_admin(actor, workspace_id)
    _check(name, kind, purpose, role)
    owner = Membership.objects.select_related("user").filter(user_id=owner_id, user__kind=User.Kind.HUMAN).first()
    if owner is None:
        raise Invalid("a person of this tenant answers for it", field="owner")
    username = f"{name}@{Tenant.objects.get(pk=actor.tenant_id).slug}.{kind}"
    if User.objects.filter(username=username).exists():
        raise Conflict(f"there is a {kind} of this name already")
    user = services.create_user(username=username, password=None, name=name, kind=kind)
    made = ServiceIdentity.objects.create(
        user=user, purpose=purpose.strip(), owner=owner.user, made_by=actor.id, made_at=clock.now()
    )
    ports.record.get()(ServiceMade(made.pk, user.pk, name, kind, owner_id), actor=actor, workspace_id=workspace_id)
    put_role(user=user, role=role, workspace_id=workspace_id, actor=actor)
    return made


@transaction.atomic(durable=True)
def close(*, identity_id: UUID, actor: Actor) -> ServiceIdentity:
    """For good: its tokens stop at once. Needs ADMIN."""
    require(actor, Perm.ADMIN)
    row = ServiceIdentity.objects.select_for_update().filter(pk=identity_id).first()
    if row is None:
        raise NotFound
    if row.closed_at is None:
        row.closed_at = clock.now()
        row.save(update_fields=["closed_at"])
        User.objects.filter(pk=row.user_id).update(is_active=False)
        stopped = ApiToken.objects.filter(user_id=row.user_id, revoked_at=None).update(revoked_at=row.closed_at)
        ports.record.get()(ServiceClosed(row.pk, row.user_id, stopped), actor=actor)
    return row


@transaction.atomic(durable=True)
def rotate_token(*, token_id: UUID, overlap: timedelta, actor: Actor) -> NewToken:
    """A new token with the scopes and the length of life of the old one, which goes on for the overlap only.

    Its holder may do it with the very token, so that a service needs nobody; an administrator may as well.
    """
    old = ApiToken.objects.select_for_update().filter(pk=token_id).first()
    if old is None:
        raise NotFound
    if old.user_id != actor.id:
        require_admin(actor, None)
    now = clock.now()
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise Invalid("the old token goes on for up to 7 days", field="overlap_hours")
    if old.revoked_at is not None or old.expires_at <= now or old.replaced_by is not None:
        raise Conflict("only a token in use that was not rotated yet is rotated")
    made = services.new_token(
        user_id=old.user_id,
        name=old.name,
        scopes=old.scopes,
        lives=old.expires_at - old.created_at,
        on_behalf_of=old.on_behalf_of_id,
        actor=actor,
    )
    old.replaced_by, old.expires_at = made.row.pk, min(old.expires_at, now + overlap)
    old.save(update_fields=["replaced_by", "expires_at"])
    ports.record.get()(TokenRotated(old.pk, made.row.pk, old.expires_at.isoformat()), actor=actor)
    return made


def every(actor: Actor) -> list[ServiceIdentity]:
    require(actor, Perm.ADMIN)
    return list(ServiceIdentity.objects.select_related("user", "owner").order_by("user__username"))


def _check(name: str, kind: str, purpose: str, role: Role) -> None:
    if not _NAME.fullmatch(name):
        raise Invalid("a name has up to 40 of a-z, 0-9 and -", field="name")
    if kind not in (User.Kind.SERVICE, User.Kind.AGENT):
        raise Invalid("kind is service or agent", field="kind")
    if not 1 <= len(purpose.strip()) <= 200:
        raise Invalid("say in up to 200 characters what it is for", field="purpose")
    if role not in ROLES:
        raise Invalid(f"a machine is one of {', '.join(sorted(ROLES))}", field="role")
