"""A run of a tenant that did not opt in takes its content along when it closes."""

from collections.abc import Sequence

from tenants import opting, payloads
from workflows.models import Run


def forget(closed: Sequence[Run]) -> None:
    """Erase what these runs, closed in this transaction, hold."""
    if closed and not opting.keeps_content():
        payloads.forget_held([run.pk for run in closed])
