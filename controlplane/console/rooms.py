"""Pages that show one room each: policies, connectors."""

from typing import Any

from connectors import access as connectors
from controlplane.console.pages import PAGE, Page, older
from policies import access as policies
from tenants import access as places


class Policies(Page):
    template_name = "console/policies.html"
    here = "policies"

    def context(self) -> dict[str, Any]:
        decisions = policies.list_decisions(self.actor, before=self.cursor, limit=PAGE)
        return {
            "environments": [self._active(place) for place in places.environments(self.actor)],
            "decisions": decisions,
            "older": older(self.query, decisions[-1].id if len(decisions) == PAGE else None),
        }

    def _active(self, place: Any) -> dict[str, Any]:
        standing = policies.active(self.actor, place.id)
        return {"place": place, "standing": standing, "doubt": policies.doubt(standing) if standing else ""}


class Connectors(Page):
    template_name = "console/connectors.html"
    here = "connectors"

    def context(self) -> dict[str, Any]:
        return {"instances": connectors.health(self.actor)}
