"""Pages that show one room each: connectors, and whether policy is enforced."""

from typing import Any

from connectors import access as connectors
from connectors import enforcement
from connectors.lights import MEANING, WORDS
from connectors.slack import reports
from controlplane.console.pages import Page


class Connectors(Page):
    template_name = "console/connectors.html"
    here = "connectors"

    def context(self) -> dict[str, Any]:
        return {"instances": connectors.health(self.actor), "lines": reports.shown(self.actor)}


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
