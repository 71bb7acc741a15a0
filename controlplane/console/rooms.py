"""Pages that show one room each: policies, connectors, and whether policy is enforced."""

from typing import Any

from connectors import access as connectors
from connectors import enforcement
from connectors.lights import MEANING, WORDS
from controlplane.console.pages import Page
from policies import access as policies
from tenants import access as places

FEW = 10


class Policies(Page):
    template_name = "console/policies.html"
    here = "policies"

    def context(self) -> dict[str, Any]:
        return {
            "environments": [self._active(place) for place in places.environments(self.actor)],
            "decisions": policies.list_decisions(self.actor, limit=FEW),
        }

    def _active(self, place: Any) -> dict[str, Any]:
        standing = policies.active(self.actor, place.id)
        return {"place": place, "standing": standing, "doubt": policies.doubt(standing) if standing else ""}


class Connectors(Page):
    template_name = "console/connectors.html"
    here = "connectors"

    def context(self) -> dict[str, Any]:
        return {"instances": connectors.health(self.actor)}


class Enforcement(Page):
    """What stands behind the light in the header."""

    template_name = "console/enforcement.html"
    here = "policies"

    def context(self) -> dict[str, Any]:
        return {
            "environments": [
                {"shown": shown, "words": WORDS[shown.light], "meaning": MEANING[shown.light]}
                for shown in enforcement.lights(self.actor)
            ]
        }
