"""Work that a transaction makes necessary, handed to the workers with its commit."""

from uuid import UUID

from django_q.tasks import async_task

from approvals.types import State
from connectors.models import ConnectorInstance
from tenants import scope


def show_cards(*, request_id: UUID) -> None:
    """Have a worker bring the cards of an approval request up to date; nothing to do without a channel."""
    if card_instances():
        async_task("connectors.tasks.show_cards", str(scope.current()), str(request_id))


def request_changed(*, request_id: UUID, state: State) -> None:
    """Bound to `approvals.ports.changed`. A yes is used in the next moment, and that is what its card shows then;
    where it has to wait, the sweeper shows that."""
    if state is not State.APPROVED:
        show_cards(request_id=request_id)


def send_notice(*, call_id: UUID) -> None:
    """Have a worker send a message that policy wants sent."""
    async_task("connectors.tasks.send_notice", str(scope.current()), str(call_id))


def card_instances() -> list[ConnectorInstance]:
    """Where cards are shown: enabled Slack instances that name a channel for approvals."""
    rows = ConnectorInstance.objects.filter(driver="slack", enabled=True, config__has_key="approvals_channel")
    return list(rows.order_by("name"))
