"""Workflows: published from their YAML with every finding shown, read with line numbers, compared."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from controlplane.console.pages import PAGE, Page, older
from controlplane.lib.errors import DomainError, Invalid
from tenants import access as places
from tenants.roles import Perm
from workflows import access, comparing, services
from workflows.definition.findings import DefinitionRefused
from workflows.models import WorkflowVersion

LONGEST_SOURCE = 200_000
FILE = "workflow.yaml"


class DefinitionForm(forms.Form):
    """The YAML of a version, and the workspace that it is for where there are several."""

    workspace = forms.ChoiceField(label="Workspace")
    source = forms.CharField(
        label="Definition (YAML)",
        max_length=LONGEST_SOURCE,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false"}),
        help_text="Name and version stand in it; a published version is never changed.",
    )

    def __init__(self, workspaces: list[Any], *args: Any) -> None:
        super().__init__(*args)
        self.fields["workspace"].choices = [(str(place.pk), place.slug) for place in workspaces]  # type: ignore[attr-defined]

    def checked(self) -> dict[str, Any]:
        """Arguments of `publish_version`; raises Invalid with the first thing that is wrong."""
        if not self.is_valid():
            field, errors = next(iter(self.errors.items()))
            raise Invalid(f"{field}: {errors[0]}", field=field)
        source = self.cleaned_data["source"].replace("\r\n", "\n")
        return {"workspace_id": UUID(self.cleaned_data["workspace"]), "source": source}


class Workflows(Page):
    """POST publishes."""

    template_name = "console/workflows.html"
    here = "workflows"

    def context(self) -> dict[str, Any]:
        versions = access.versions(self.actor, before=self.cursor, limit=PAGE)
        return {
            "versions": versions,
            "older": older(self.query, versions[-1].id if len(versions) == PAGE else None),
            "form": self._form() if self.may(Perm.MANAGE_WORKFLOWS) else None,
        }

    def act(self, request: HttpRequest) -> HttpResponseBase:
        with transaction.atomic():
            form = self._form()
        version = services.publish_version(**form.checked(), file=FILE, actor=self.actor)
        messages.success(request, f"Published {version.version}. New runs use the highest version.")
        return self.to("workflow", version.pk)

    def again(self, refusal: DomainError) -> HttpResponseBase:
        """With the findings beside the lines that they are about."""
        if not isinstance(refusal, DefinitionRefused):
            return super().again(refusal)
        source = self.request.POST.get("source", "")
        with transaction.atomic():
            shown = {"findings": refusal.findings, "refused": _numbered(source, refusal)}
            return self.rendered(self.show({**self.context(), **shown}, status=refusal.status))

    def _form(self) -> DefinitionForm:
        return DefinitionForm(list(places.workspaces(self.actor)), self.request.POST or None)


class WorkflowDetail(Page):
    template_name = "console/workflow.html"
    here = "workflows"
    filters = {"against": None}

    def context(self) -> dict[str, Any]:
        version = access.version(self.actor, self.row_id)
        return {
            "version": version,
            "lines": version.source.splitlines(),
            "siblings": access.versions(self.actor, name=version.workflow.name, limit=PAGE),
            "may_try": self._may_try(version),
            **self._compared(version),
        }

    def _may_try(self, version: WorkflowVersion) -> bool:
        startable = places.environments(self.actor, Perm.START_RUN)
        return any(place.workspace_id == version.workflow.workspace_id for place in startable)

    def _compared(self, version: WorkflowVersion) -> dict[str, Any]:
        against = self.query.first("against")
        if not against:
            return {}
        try:
            before = access.version(self.actor, UUID(against))
        except ValueError as error:
            raise Invalid("no such version", field="against") from error
        return {"before": before, "diff": comparing.between(before.source, version.source)}


def _numbered(source: str, refusal: DefinitionRefused) -> list[dict[str, Any]]:
    """Every line with what was found on it."""
    on: dict[int, list[str]] = {}
    for finding in refusal.findings:
        on.setdefault(finding.place.line, []).append(f"{finding.code}: {finding.message}. {finding.hint}")
    return [{"text": text, "found": on.get(number, [])} for number, text in enumerate(source.splitlines(), start=1)]
