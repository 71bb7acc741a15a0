"""Who could decide a request now: who is asked, reminded, and in an escalation told about."""

from uuid import UUID

from django.db.models import Q

from approvals import powers, rights
from approvals.models import ApprovalRequest
from tenants import scope
from tenants.actors import Actor
from tenants.models import User
from tenants.permissions import Perm


def who_could_decide(request: ApprovalRequest) -> list[UUID]:
    """People who may and have not yet, by their own right or for somebody who is away."""
    holders = powers.holders(request, rights.needed(request))
    stand_ins = {row.stand_in_id for row in powers.in_force(Q(principal_id__in=holders))}
    asked = User.objects.filter(pk__in=holders | stand_ins, is_active=True, kind=User.Kind.HUMAN).order_by("pk")
    return [user.pk for user in asked if rights.may_vote(_actor(user), request)[0]]


def who_administers(request: ApprovalRequest) -> list[UUID]:
    """Who can give others the right to decide: told when it is escalated."""
    return sorted(powers.holders(request, Perm.ADMIN))


def _actor(user: User) -> Actor:
    return Actor(user.kind, user.pk, scope.current(), user.label, "asked")
