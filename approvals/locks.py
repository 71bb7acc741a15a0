"""The one lock of this app: a request is decided by one transaction at a time."""

from uuid import UUID

from approvals.errors import RequestNotFound
from approvals.models import ApprovalRequest
from tenants import quick


def request(request_id: UUID) -> ApprovalRequest:
    """The request, locked until the transaction ends."""
    row = quick.first(ApprovalRequest, lock=True, id=request_id)
    if row is None:
        raise RequestNotFound
    return row
