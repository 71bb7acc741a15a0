"""Can I prove it? The state of the record, the trust file, and the bundle of a run."""

import json
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from controlplane.console.pages import PAGE, Page, older
from controlplane.console.querystate import Allowed
from controlplane.lib.errors import Invalid
from evidence import access, services
from evidence.searching import NAMES, Wanted
from workflows.access import search_evidence

FIELDS = (
    ("ticket", "Ticket", "INC0010001"),
    ("run", "Run", "id"),
    ("actor", "Done by", "name or id"),
)


class Evidence(Page):
    template_name = "console/evidence.html"
    here = "evidence"

    def context(self) -> dict[str, Any]:
        return {"logs": access.logs(self.actor)}


class Events(Page):
    """Every search is its address; one that cannot be meant is answered with what is wrong, beside the fields."""

    template_name = "console/events.html"
    here = "evidence"
    filters: ClassVar[Allowed] = dict.fromkeys(NAMES)

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        try:
            return self.show(self.context())
        except Invalid as refusal:
            return self.show({**self._form(), "problem": refusal}, status=refusal.status)

    def context(self) -> dict[str, Any]:
        wanted = Wanted.read(self.query.chosen)
        found = search_evidence(self.actor, wanted=wanted, before=self.cursor, limit=PAGE)
        last = found[-1][0] if len(found) == PAGE else None
        lines = [{**line, "text": json.dumps(line["data"], ensure_ascii=False)} for _, line in found]
        return {**self._form(), "lines": lines, "older": older(self.query, last)}

    def _form(self) -> dict[str, Any]:
        return {
            "fields": [(*field, self.query.first(field[0])) for field in FIELDS],
            "logs": [(str(log["id"]), log["label"]) for log in access.logs(self.actor)],
            "chosen_log": self.query.first("log"),
            "since": self.query.first("since").removesuffix("Z"),
            "until": self.query.first("until").removesuffix("Z"),
        }


class Verify(Page):
    """The page that checks a bundle in the browser; it sends nothing, so there is nothing to fetch for it."""

    template_name = "console/verify.html"
    here = "evidence"

    def context(self) -> dict[str, Any]:
        return {}


class TrustFile(Page):
    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        content = json.dumps(access.trust_file(self.actor), indent=2).encode()
        return download(content, "trust.json", "application/json")


class RunBundle(Evidence):
    """POST downloads the evidence bundle of one run; the export goes on record."""

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.to("run", self.row_id)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        content = services.export_run(run_id=self.row_id, actor=self.actor)
        return download(content, f"run-{self.row_id}.evb", "application/zip")


def download(content: bytes, name: str, media_type: str) -> HttpResponse:
    answer = HttpResponse(content, content_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
