"""Can I prove it? The state of the record, the trust file, and the bundle of a run."""

import json
import re
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from controlplane.console.pages import PAGE, Page, Search, older
from controlplane.console.querystate import Allowed
from controlplane.lib.errors import Invalid
from evidence import access, custody, jobs, services
from evidence.searching import NAMES, Wanted
from tenants.roles import Perm
from workflows.access import search_evidence

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?")
FIELDS = (
    ("ticket", "Ticket", "INC0010001"),
    ("run", "Run", "id"),
    ("actor", "Done by", "name or id"),
)


class Evidence(Page):
    template_name = "console/evidence.html"
    here = "evidence"

    def context(self) -> dict[str, Any]:
        return {"logs": access.logs(self.actor), "may_export": self.may(Perm.EXPORT_EVIDENCE)}


class Custody(Page):
    """Who signs the record and who outside has seen it; for whoever may export evidence."""

    template_name = "console/custody.html"
    here = "evidence"

    def context(self) -> dict[str, Any]:
        return {"found": custody.read(self.actor)}


class Events(Search):
    template_name = "console/events.html"
    here = "evidence"
    filters: ClassVar[Allowed] = dict.fromkeys(NAMES)

    def context(self) -> dict[str, Any]:
        wanted = Wanted.read(self.query.chosen)
        found = search_evidence(self.actor, wanted=wanted, before=self.cursor, limit=PAGE)
        last = found[-1][0] if len(found) == PAGE else None
        lines = [{**line, "text": json.dumps(line["data"], ensure_ascii=False)} for _, line in found]
        return {**self.form(), "lines": lines, "older": older(self.query, last)}

    def form(self) -> dict[str, Any]:
        return {
            "fields": [(*field, self.query.first(field[0])) for field in FIELDS],
            "logs": [(str(log["id"]), log["label"]) for log in access.logs(self.actor)],
            "chosen_log": self.query.first("log"),
            "since": _in_form(self.query.first("since")),
            "until": _in_form(self.query.first("until")),
        }


def _in_form(text: str) -> str:
    """What a field for date and time can show; a browser complains of anything else."""
    shown = text.removesuffix("Z")
    return shown if _MOMENT.fullmatch(shown) else ""


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


class SubjectForm(forms.Form):
    """What a bundle is asked for; times are UTC."""

    kind = forms.ChoiceField(choices=[(kind, kind) for kind in (jobs.RUN, jobs.APPROVAL, jobs.PERIOD)])
    run_id = forms.UUIDField(required=False)
    request_id = forms.UUIDField(required=False)
    log_id = forms.UUIDField(required=False)
    since = forms.DateTimeField(required=False)
    until = forms.DateTimeField(required=False)


class Exports(Page):
    """POST has a bundle made and shows how far it is."""

    template_name = "console/exports.html"
    here = "evidence"

    def context(self) -> dict[str, Any]:
        rows = access.export_jobs(self.actor, before=self.cursor, limit=PAGE)
        last = rows[-1].pk if len(rows) == PAGE else None
        may_export = self.may(Perm.EXPORT_EVIDENCE)
        return {"jobs": rows, "older": older(self.query, last), "logs": access.logs(self.actor), "may": may_export}

    def act(self, request: HttpRequest) -> HttpResponseBase:
        asked = SubjectForm(request.POST)
        if not asked.is_valid():
            name, problems = next(iter(asked.errors.items()))
            raise Invalid(f"{name}: {problems[0]}", field=name)
        wanted = {name: value for name, value in asked.cleaned_data.items() if value}
        return self.to("export-job", jobs.request(**wanted, actor=self.actor).pk)


class ExportJob(Page):
    template_name = "console/export.html"
    here = "evidence"

    def context(self) -> dict[str, Any]:
        return {"job": access.export_job(self.actor, self.row_id)}


class ExportBundle(ExportJob):
    """POST downloads what the job made; that it was handed out goes on record."""

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.to("export-job", self.row_id)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        name, content = jobs.fetch(job_id=self.row_id, actor=self.actor)
        return download(content, name, "application/zip")


def download(content: bytes, name: str, media_type: str) -> HttpResponse:
    answer = HttpResponse(content, content_type=media_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
