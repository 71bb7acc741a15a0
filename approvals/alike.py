"""What was decided about the same tool in the same workspace."""

from django.db.models import QuerySet

from approvals.models import ApprovalRequest
from approvals.types import State

MOST = 5
ON_A_CARD = 3


def decided(request: ApprovalRequest, among: QuerySet[ApprovalRequest]) -> QuerySet[ApprovalRequest]:
    """The latest first."""
    same = among.filter(workspace_id=request.workspace_id, tool=request.tool)
    return same.exclude(state=State.PENDING).exclude(pk=request.pk).order_by("-id")


def decided_before(request: ApprovalRequest) -> list[ApprovalRequest]:
    """For a card, whose words are written once: only what was decided before this was asked."""
    rows = decided(request, ApprovalRequest.objects.all()).filter(decided_at__lt=request.opened_at)
    return list(rows[:ON_A_CARD])
