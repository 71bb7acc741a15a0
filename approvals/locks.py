"""The one lock of this app: a request is decided by one transaction at a time."""

from uuid import UUID

from approvals.errors import RequestNotFound
from approvals.models import ApprovalRequest


def request(request_id: UUID) -> ApprovalRequest:
    """The request, locked until the transaction ends."""
    row = ApprovalRequest.objects.select_for_update().filter(pk=request_id).first()
    if row is None:
        raise RequestNotFound
    return row
