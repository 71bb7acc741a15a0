"""Wake-ups: ids only, may come twice or late."""

from uuid import UUID

from connectors import cards
from tenants import scope


def show_cards(tenant_id: str, request_id: str) -> None:
    with scope.enter(UUID(tenant_id)):
        cards.show(request_id=UUID(request_id))
