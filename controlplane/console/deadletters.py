"""What was given up after every retry, and its redrive."""

from typing import Any

from controlplane.console.pages import PAGE, Page, older
from workflows import access


class DeadLetters(Page):
    template_name = "console/dead_letters.html"
    here = "dead-letters"

    def context(self) -> dict[str, Any]:
        letters = access.dead_letters(self.actor, before=self.cursor, limit=PAGE)
        return {
            "letters": letters,
            "older": older(self.query, letters[-1].id if len(letters) == PAGE else None),
        }
