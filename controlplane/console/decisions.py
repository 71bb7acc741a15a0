"""The decision log, and the page on which one decision is explained down to the line of the policy."""

import json
from datetime import timedelta
from typing import Any, ClassVar

from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from connectors import access as connectors
from controlplane.console import duties, sources
from controlplane.console.pages import PAGE, Page, Search, older
from controlplane.console.querystate import Allowed
from controlplane.console.statuses import status
from controlplane.lib import clock
from controlplane.lib.errors import NotFound
from policies import access, explaining
from policies.explaining import Explanation, Traced
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


class DecisionLog(Search):
    template_name = "console/decisions.html"
    here = "decisions"
    filters: ClassVar[Allowed] = dict.fromkeys(NAMES)

    def context(self) -> dict[str, Any]:
        wanted = Wanted.read(self.query.chosen)
        rows = access.list_decisions(self.actor, wanted=wanted, before=self.cursor, limit=PAGE)
        last = rows[-1].id if len(rows) == PAGE else None
        return {**self.form(), "decisions": rows, "older": older(self.query, last)}

    def form(self) -> dict[str, Any]:
        now, query = clock.now(), self.query
        return {
            "effects": [
                (effect.value, status(effect).word, effect.value in query.values("effect")) for effect in Effect
            ],
            "places": [_place(row, query.values("environment")) for row in places.environments(self.actor)],
            "fields": [(*field, query.first(field[0])) for field in FIELDS],
            "since": _in_form(query.first("since")),
            "until": _in_form(query.first("until")),
            "ranges": [(label, query.with_only("since", _stamp(now - length))) for label, length in RANGES],
        }


class Decision(Page):
    """POST has it traced: the recorded question is decided again and every step told. Nothing is redirected to."""

    template_name = "console/decision.html"
    here = "decisions"

    def context(self) -> dict[str, Any]:
        found = explaining.explain(self.actor, self.row_id)
        asked = found.asked.document
        return {
            "found": found,
            "decision": found.record,
            "duties": [duties.told(each) for each in found.record.obligations],
            "input": json.dumps(asked, indent=2, ensure_ascii=False) if asked is not None else "",
            "request_id": self._request_id(found),
        }

    def act(self, request: HttpRequest) -> HttpResponseBase:
        traced = explaining.trace(decision_id=self.row_id, actor=self.actor)
        with transaction.atomic():
            shown = self.context()
        return self.also(self.template_name, {**shown, "traced": traced, "steps": _steps(traced)})

    def _request_id(self, found: Explanation) -> Any:
        """The question to people that came of it."""
        if found.record.call_id is None:
            return None
        try:
            return connectors.call(self.actor, found.record.call_id).request_id
        except NotFound:
            return None


def _steps(traced: Traced) -> list[dict[str, Any]]:
    """Modules with their lines and what each did; those of packs first, ours behind."""
    paths = sorted(traced.trace.marks, key=lambda path: (sources.is_ours(path), path))
    return [_module(traced, path) for path in paths if path in traced.modules]


def _module(traced: Traced, path: str) -> dict[str, Any]:
    marks = traced.trace.marks[path]
    rules = [rule for rule in traced.trace.rules if rule.module == path and not rule.constant]
    text = sources.lines(traced.modules[path])
    return {
        "path": path,
        "ours": sources.is_ours(path),
        "rules": [(rule, text[rule.line - 1], [(at, text[at - 1]) for at in rule.stopped_at]) for rule in rules],
        "lines": [(line, marks.get(number)) for number, line in enumerate(text, start=1)],
    }


def _place(row: Any, chosen: tuple[str, ...]) -> tuple[str, str, bool]:
    return str(row.pk), f"{row.workspace.slug} / {row.slug}", bool({str(row.pk), row.slug} & set(chosen))


def _stamp(at: Any) -> str:
    return f"{at:%Y-%m-%dT%H:%M}"


def _in_form(text: str) -> str:
    """As a browser's time field takes it: `2026-11-21T03:00`, which is UTC here."""
    return text.removesuffix("Z").split("+")[0][:19]
