"""Requests that wait: people are reminded, then it is escalated, then the time has run out, which is never a yes."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from approvals import halted, locks, nudges, people, ports, records
from approvals.models import ApprovalRequest
from approvals.settling import ballots, settle
from approvals.tally import tally
from approvals.types import Stage, State
from controlplane.lib import clock
from controlplane.lib.errors import DomainError
from controlplane.lib.logs import get_logger
from tenants import scope
from tenants.actors import Actor

LOOK_AGAIN = timedelta(seconds=5)
_TOLD = {Stage.REMINDER: "reminded_at", Stage.ESCALATION: "escalated_at"}
_log = get_logger(__name__)


def expire_due(limit: int = 100) -> int:
    """Look at what is due, in every tenant: remind, escalate, or close what nobody decided in time.

    Returns how many were closed. Running out is never a yes.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, request_id FROM routing.approvals_due(%s, %s)", [clock.now(), limit])
        due = cursor.fetchall()
    return sum(_look_in(tenant_id, request_id) for tenant_id, request_id in due)


def _look_in(tenant_id: UUID, request_id: UUID) -> bool:
    """One request in its own transaction: what goes wrong with one does not keep the others open."""
    with scope.enter(tenant_id):
        try:
            return _look(request_id)
        except DomainError:
            _log.exception("approval request %s could not be looked at", request_id)
            return False


@transaction.atomic(durable=True)
def _look(request_id: UUID) -> bool:
    request, now = locks.request(request_id), clock.now()
    if request.state != State.PENDING:
        return False
    system = Actor.system(scope.current(), "approvals")
    deadline = halted.deadline_of(request, now)
    if now < deadline:
        _wait_on(request, now, deadline, system)
        return False
    settle(request, tally(request.rules, ballots(request), now, deadline), actor=system)
    return True


def _wait_on(request: ApprovalRequest, now: datetime, deadline: datetime, actor: Actor) -> None:
    """Tell people if it is time, and say when to look again. A halt moves the deadline, so it is worked out anew."""
    total, told = request.expires_at - request.opened_at, _told(request)
    stage = nudges.due(total, deadline, now, told)
    changes = {_TOLD[stage]: now} if stage else {}
    look = nudges.next_look(now, total, deadline, [*told, *([stage] if stage else [])])
    ApprovalRequest.objects.filter(pk=request.pk).update(due_at=max(look, now + LOOK_AGAIN), **changes)
    if stage:
        _tell(request, stage, deadline, actor)


def _told(request: ApprovalRequest) -> list[Stage]:
    return [stage for stage, column in _TOLD.items() if getattr(request, column)]


def _tell(request: ApprovalRequest, stage: Stage, deadline: datetime, actor: Actor) -> None:
    asked = people.who_could_decide(request)
    records.tell(records.reminded(request, stage, asked, deadline), request, actor)
    ports.nudged.get()(request_id=request.pk, stage=stage, asked=asked, deadline=deadline)
