"""Can I prove it? The state of the record, the trust file, and the bundle of a run."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from controlplane.console.pages import Page
from evidence import access, services


class Evidence(Page):
    template_name = "console/evidence.html"
    here = "evidence"

    def context(self) -> dict[str, Any]:
        return {"logs": access.logs(self.actor)}


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
