"""Drafts in the admin: written in the console's editor and checked with every save. Deciding is the console's."""

import json
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest
from django.urls import reverse

from policies import drafting, golden
from policies.models import Draft
from tenants.actors import Actor
from tenants.admin_base import VerbAdmin
from tenants.models import Environment
from tenants.permissions import Perm

TEXTS = {"source": "", "tests": "/tests", "golden": "/golden", "configuration": "/data"}
"""Field → what findings add to the name of the pack when they are about it."""


def _environments() -> list[tuple[str, str]]:
    """Asked when a form is made, inside the tenant's scope."""
    rows = Environment.objects.select_related("workspace").order_by("workspace__slug", "slug")
    return [(str(row.pk), f"{row.workspace.slug} / {row.slug}") for row in rows]


class _Json(forms.JSONField):
    """Laid out so that people and findings can speak of lines."""

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _editor(language: str) -> forms.Textarea:
    return forms.Textarea(attrs={"data-editor": language, "rows": 18, "cols": 100, "spellcheck": "false"})


class DraftForm(forms.ModelForm):  # type: ignore[type-arg]
    """The text of one pack, and where it is to become part of the policy."""

    environment_id = forms.TypedChoiceField(choices=_environments, coerce=UUID, label="Environment")
    pack = forms.SlugField(max_length=48, help_text="Its package is interlock.packs.<pack>")
    source = forms.CharField(widget=_editor("rego"), strip=False, label="Rules (Rego)")
    tests = forms.CharField(widget=_editor("rego"), strip=False, required=False, label="Tests (Rego)")
    golden = _Json(widget=_editor("json"), required=False, initial=list, label="Golden cases (JSON)")
    configuration = _Json(widget=_editor("json"), required=False, initial=dict, label="Configuration (JSON)")
    version = forms.CharField(max_length=32, initial="1.0.0", help_text="SemVer, above that of the active pack")
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Draft
        fields = ("pack", "version", "source", "tests", "golden", "revision")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.environment_id:
            self.initial["configuration"] = self.instance.data
            for fixed in ("environment_id", "pack"):
                self.fields.pop(fixed, None)
        if not self.is_bound:
            self._show_problems()

    def _show_problems(self) -> None:
        uncovered = self.instance.report.get("coverage", {}).get("uncovered", {})
        for name, found in problems(self.instance).items():
            self.fields[name].widget.attrs["data-problems"] = json.dumps(found)
        self.fields["source"].widget.attrs["data-uncovered"] = json.dumps(uncovered.get(self.instance.pack, []))


def problems(draft: Draft) -> dict[str, list[dict[str, Any]]]:
    """What the last check found, by field; of a golden case, where it begins in the text."""
    found = {name: _of(draft, f"{draft.pack}{suffix}") for name, suffix in TEXTS.items()}
    text = golden.text_of(draft.golden)
    found["golden"] = [{**each, "line": golden.line_of(text, each["line"])} for each in found["golden"]]
    return found


def _of(draft: Draft, module: str) -> list[dict[str, Any]]:
    return [each for each in draft.report.get("findings", []) if each["module"] == module]


class DraftAdmin(VerbAdmin):
    """Adding and changing save and check a draft. It becomes active once somebody else approved it, in the console."""

    perm = Perm.AUTHOR_POLICY
    form = DraftForm
    change_form_template = "admin/draft_form.html"
    verbs = {"Withdraw it": "withdraw"}
    list_display = ("pack", "version", "environment", "state", "revision", "author_id", "created_at")
    list_filter = ("state", "environment")

    def get_fields(self, request: HttpRequest, obj: Draft | None = None) -> tuple[str, ...]:
        texts = ("version", "source", "tests", "golden", "configuration", "revision")
        return texts if obj is not None else ("environment_id", "pack", *texts)

    def create(self, *, cleaned: dict[str, Any], actor: Actor) -> Draft:
        where = {"environment_id": cleaned["environment_id"], "pack": cleaned["pack"]}
        return self._saved(cleaned, actor, **where)

    def change(self, *, row: Draft, cleaned: dict[str, Any], actor: Actor) -> Draft:
        return self._saved(cleaned, actor, draft_id=row.pk, revision=cleaned["revision"])

    def withdraw(self, *, row: Draft, actor: Actor) -> Draft:
        return drafting.withdraw(draft_id=row.pk, actor=actor)

    def landing(self, made: object) -> str:
        assert isinstance(made, Draft)
        return reverse(f"{self.admin_site.name}:{self._page('change')}", args=[made.pk])

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        draft = context.get("original")
        found = problems(draft) if isinstance(draft, Draft) else {}
        listed = [(f"id_{name}", each) for name, several in found.items() for each in several]
        known = {each["module"] for _, each in listed}
        others = [each for each in draft.report.get("findings", []) if each["module"] not in known] if draft else []
        shown = {"problems": listed, "elsewhere": others, "console": self._console(request, draft)}
        return super().render_change_form(request, {**context, **shown}, *args, **kwargs)

    @staticmethod
    def _console(request: HttpRequest, draft: Draft | None) -> str:
        """The page of the draft in the console; where it is weighed, proposed and decided about."""
        return f"/o/{request.tenant_slug}/policies/drafts/{draft.pk}/" if draft else ""  # type: ignore[attr-defined]

    @staticmethod
    def _saved(cleaned: dict[str, Any], actor: Actor, **where: Any) -> Draft:
        draft = drafting.save(
            source=_unix(cleaned["source"]),
            tests=_unix(cleaned["tests"]),
            golden=cleaned["golden"] or [],
            data=cleaned["configuration"] or {},
            version=cleaned["version"],
            actor=actor,
            **where,
        )
        return drafting.check(draft_id=draft.pk, actor=actor)


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")
