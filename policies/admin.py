"""Policy management: drafts are written and an earlier policy brought back by their verbs; the rest is read."""

from django.contrib import admin

from policies import draft_admin, services
from policies.models import Activation, Bundle, DecisionRecord, Draft, PolicyPack, PolicyVersion, Standing
from tenants.actors import Actor
from tenants.admin_base import ReadOnlyAdmin, VerbAdmin, site
from tenants.permissions import Perm

site.register(Draft, draft_admin.DraftAdmin)


@admin.register(PolicyVersion, site=site)
class PolicyVersionAdmin(ReadOnlyAdmin):
    """Written by activations; a new one begins as a draft."""

    perm = Perm.AUTHOR_POLICY
    list_display = ("pack", "number", "version", "digest", "author_id", "created_at")
    list_filter = ("pack",)


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
