"""Standing in for somebody who is away. The right stays theirs: it is used once, by them or in their place."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from approvals.errors import DelegationNotFound
from approvals.events import ApprovalDelegated, DelegationEnded
from approvals.models import Delegation
from approvals.powers import DECIDE
from approvals.rights import VISITING
from controlplane.lib import clock
from controlplane.lib.errors import Forbidden, Invalid
from controlplane.lib.events import Committed
from evidence.services import record
from tenants.actors import Actor
from tenants.models import Membership, User
from tenants.permissions import Perm, held, held_by_place

LONGEST = timedelta(days=60)


@transaction.atomic(durable=True)
def delegate(
    *, workspace_id: UUID, stand_in_id: UUID, starts_at: datetime, ends_at: datetime, reason: str, actor: Actor
) -> Delegation:
    """Let a colleague decide in one's place between two moments, at most sixty days apart.

    Only one's own right, only what one may decide oneself on the day, and never handed on. Raises Forbidden, Invalid.
    """
    _check_principal(workspace_id, actor)
    stand_in = _stand_in(workspace_id, stand_in_id, actor)
    _check_dates(starts_at, ends_at)
    if not reason.strip():
        raise Invalid("say why, for example: on leave", field="reason")
    row = Delegation.objects.create(
        workspace_id=workspace_id,
        principal_id=actor.id,
        principal_label=actor.label,
        stand_in_id=stand_in.pk,
        stand_in_label=stand_in.label,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip()[:300],
    )
    why = Committed(row.reason.encode(), "text/plain")
    event = ApprovalDelegated(row.pk, workspace_id, actor.id, stand_in.pk, starts_at, ends_at, why)
    record(event, actor=actor, workspace_id=workspace_id)
    return row


@transaction.atomic(durable=True)
def end_delegation(*, delegation_id: UUID, actor: Actor) -> Delegation:
    """By whoever gave it or stands in, and by administrators. Votes that were cast stay; ending it twice is once."""
    row = Delegation.objects.select_for_update().filter(pk=delegation_id).first()
    if row is None or not _concerned(row, actor):
        raise DelegationNotFound
    if row.ended_at is None:
        row.ended_at = clock.now()
        row.save(update_fields=["ended_at"])
        ended = DelegationEnded(row.pk, row.workspace_id, row.principal_id, row.stand_in_id)
        record(ended, actor=actor, workspace_id=row.workspace_id)
    return row


def _concerned(row: Delegation, actor: Actor) -> bool:
    return actor.id in (row.principal_id, row.stand_in_id) or Perm.ADMIN in held(actor, row.workspace_id)


def _check_principal(workspace_id: UUID, actor: Actor) -> None:
    if not actor.is_person or actor.method == VISITING:
        raise Forbidden("Only people let others stand in for them.")
    if not any(DECIDE & perms for perms in held_by_place(actor, workspace_id).values()):
        raise Forbidden("You cannot decide anything here, so there is nothing that somebody could do in your place.")


def _stand_in(workspace_id: UUID, stand_in_id: UUID, actor: Actor) -> User:
    """A person of the workspace, known there already: what they see does not grow."""
    if stand_in_id == actor.id:
        raise Invalid("nobody stands in for themselves", field="stand_in")
    members = Membership.objects.filter(user_id=stand_in_id, workspace_id=workspace_id, user__is_active=True)
    row = members.filter(user__kind=User.Kind.HUMAN).select_related("user").first()
    if row is None:
        raise Invalid("name a person of this workspace", field="stand_in")
    return row.user


def _check_dates(starts_at: datetime, ends_at: datetime) -> None:
    if not starts_at < ends_at <= starts_at + LONGEST or ends_at <= clock.now():
        raise Invalid(f"it ends after it starts, not in the past, and within {LONGEST.days} days", field="ends_at")
