"""The landing page: is it on fire, and what needs me?"""

from typing import Any

from controlplane.console.pages import Page
from tenants import halts


class Now(Page):
    template_name = "console/now.html"
    here = "now"

    def context(self) -> dict[str, Any]:
        active = halts.every_active()
        return {"sentence": "Writes are stopped in part or in whole." if active else "Writes are allowed."}
