"""The decision log: what was decided, found by what, why, about what, for whom and when."""

from datetime import timedelta
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponseBase

from controlplane.console.pages import PAGE, Page, older
from controlplane.console.querystate import Allowed
from controlplane.lib import clock
from controlplane.lib.errors import Invalid
from policies import access
from policies.searching import NAMES, Wanted
from policies.types import Effect
from tenants import access as places

RANGES = (("the last hour", timedelta(hours=1)), ("the last day", timedelta(days=1)), ("the last week", timedelta(7)))
FIELDS = (
    ("rule", "Rule", "interlock.packs.triage.write"),
    ("code", "Code", "forbidden_field"),
    ("tool", "Tool", "slack.message.post"),
    ("workflow", "Workflow", "itsm-triage"),
    ("run", "Run", "id"),
    ("actor", "Asked for by", "id of a person or service"),
)


class DecisionLog(Page):
    """Every search is its address; one that cannot be meant is answered with what is wrong, beside the fields."""

    template_name = "console/decisions.html"
    here = "decisions"
    filters: ClassVar[Allowed] = dict.fromkeys(NAMES)

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        try:
            return self.show(self.context())
        except Invalid as refusal:
            return self.show({**self._form(), "problem": refusal}, status=refusal.status)

    def context(self) -> dict[str, Any]:
        wanted = Wanted.read(self.query.chosen)
        rows = access.list_decisions(self.actor, wanted=wanted, before=self.cursor, limit=PAGE)
        last = rows[-1].id if len(rows) == PAGE else None
        return {**self._form(), "decisions": rows, "older": older(self.query, last)}

    def _form(self) -> dict[str, Any]:
        now, query = clock.now(), self.query
        return {
            "effects": [(effect.value, effect.value in query.values("effect")) for effect in Effect],
            "places": [_place(row, query.values("environment")) for row in places.environments(self.actor)],
            "fields": [(*field, query.first(field[0])) for field in FIELDS],
            "since": _in_form(query.first("since")),
            "until": _in_form(query.first("until")),
            "ranges": [(label, query.with_only("since", _stamp(now - length))) for label, length in RANGES],
        }


def _place(row: Any, chosen: tuple[str, ...]) -> tuple[str, str, bool]:
    return str(row.pk), f"{row.workspace.slug} / {row.slug}", bool({str(row.pk), row.slug} & set(chosen))


def _stamp(at: Any) -> str:
    return f"{at:%Y-%m-%dT%H:%M}"


def _in_form(text: str) -> str:
    """As a browser's time field takes it: `2026-11-21T03:00`, which is UTC here."""
    return text.removesuffix("Z").split("+")[0][:19]
