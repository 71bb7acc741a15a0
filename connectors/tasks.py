"""Wake-ups: ids only, may come twice or late."""

from uuid import UUID

from django.db import transaction

from connectors import cards, inbound, notices, summons
from connectors.gateway import history
from tenants import scope
from tenants.rounds import in_every_tenant


def show_cards(tenant_id: str, request_id: str) -> None:
    with scope.enter(UUID(tenant_id)):
        cards.show(request_id=UUID(request_id))
        summons.summon(request_id=UUID(request_id))


def send_notice(tenant_id: str, call_id: str) -> None:
    with scope.enter(UUID(tenant_id)):
        notices.send(call_id=UUID(call_id))


def catch_up_notices() -> None:
    """For the sweeper: messages that policy wants sent and that are not sent yet, in every tenant."""
    in_every_tenant(notices.catch_up)


def catch_up_cards() -> None:
    """For the sweeper: cards whose wake-up was lost or that could not be sent at the time, in every tenant."""
    in_every_tenant(cards.catch_up)


def send_digests() -> None:
    """For the sweeper: what waits for a person, once a day, in every tenant."""
    in_every_tenant(summons.send_digests)


def forget_slack_deliveries() -> None:
    """For the sweeper: what can no longer be replayed needs no guard."""
    in_every_tenant(inbound.forget_slack_deliveries)


def forget_histories() -> None:
    """For the sweeper: what was done so long ago that nothing of it is kept."""
    in_every_tenant(transaction.atomic(history.forget))
