"""Policy management: a pack is published and an earlier policy brought back by their verbs; the rest is read."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin

from policies import drafting, services
from policies.models import Activation, Bundle, DecisionRecord, Draft, PolicyPack, PolicyVersion, Standing
from tenants.actors import Actor
from tenants.admin_base import ReadOnlyAdmin, VerbAdmin, site
from tenants.models import Environment
from tenants.permissions import Perm


def _environments() -> list[tuple[str, str]]:
    """Asked when a form is made, inside the tenant's scope."""
    rows = Environment.objects.select_related("workspace").order_by("workspace__slug", "slug")
    return [(str(row.pk), f"{row.workspace.slug} / {row.slug}") for row in rows]


class PublishForm(forms.ModelForm):  # type: ignore[type-arg]
    """The text of one pack, and where it is to become part of the policy."""

    environment = forms.TypedChoiceField(choices=_environments, coerce=UUID)
    name = forms.SlugField(max_length=48, help_text="The pack: package interlock.packs.<name>")
    configuration = forms.JSONField(required=False, initial=dict, help_text="Read as data.interlock.config.<name>")
    version = forms.CharField(max_length=32, initial="1.0.0", help_text="SemVer, above that of the active pack")

    class Meta:
        model = PolicyVersion
        fields = ("source", "tests")


@admin.register(PolicyVersion, site=site)
class PolicyVersionAdmin(VerbAdmin):
    """Adding one begins a draft: it is checked, and becomes active once somebody else approved it."""

    perm = Perm.AUTHOR_POLICY
    form = PublishForm
    list_display = ("pack", "number", "digest", "author_id", "created_at")
    list_filter = ("pack",)

    def get_fields(self, request: Any, obj: PolicyVersion | None = None) -> tuple[str, ...]:
        if obj is not None:
            return ("pack", "number", "digest", "author_id", "created_at", "source", "data", "tests")
        return ("environment", "name", "source", "configuration", "tests", "version")

    def create(self, *, cleaned: dict[str, Any], actor: Actor) -> Draft:
        draft = drafting.save(
            environment_id=cleaned["environment"],
            pack=cleaned["name"],
            source=cleaned["source"],
            data=cleaned["configuration"] or {},
            tests=cleaned["tests"],
            version=cleaned["version"],
            actor=actor,
        )
        return drafting.check(draft_id=draft.pk, actor=actor)


@admin.register(Activation, site=site)
class ActivationAdmin(VerbAdmin):
    perm = Perm.ACTIVATE_POLICY
    verbs = {"Make this the policy again": "activate_again"}
    list_display = ("environment", "seq", "bundle", "activated_at", "activated_by_id", "author_id", "reason")
    list_filter = ("environment",)

    def activate_again(self, *, row: Activation, actor: Actor) -> None:
        services.rollback(
            environment_id=row.environment_id,
            activation_id=row.pk,
            reason=f"back to the content of {row.seq}",
            actor=actor,
        )


@admin.register(Standing, site=site)
class StandingAdmin(ReadOnlyAdmin):
    perm = Perm.AUTHOR_POLICY
    list_display = ("environment", "seq", "activation", "issued_at", "not_after", "ttl_s")


@admin.register(PolicyPack, site=site)
class PolicyPackAdmin(ReadOnlyAdmin):
    perm = Perm.AUTHOR_POLICY
    list_display = ("name", "created_at")


@admin.register(Bundle, site=site)
class BundleAdmin(ReadOnlyAdmin):
    perm = Perm.AUTHOR_POLICY
    exclude = ("content",)
    list_display = ("revision", "sha256", "packs", "created_at")


@admin.register(DecisionRecord, site=site)
class DecisionRecordAdmin(ReadOnlyAdmin):
    perm = Perm.AUTHOR_POLICY
    list_display = ("decided_at", "effect", "code", "action", "tool", "workflow", "seq", "duration_us")
    list_filter = ("effect", "action")
