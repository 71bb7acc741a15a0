"""Workflows and runs can be read here; they are published, cancelled and redriven by their verbs."""

from django.contrib import admin

from tenants.admin_base import ReadOnlyAdmin, site
from workflows.models import DeadLetter, Run, Step, Workflow, WorkflowVersion
from workflows.redrive_models import RedriveJob


@admin.register(Workflow, site=site)
class WorkflowAdmin(ReadOnlyAdmin):
    list_display = ("name", "workspace", "created_at")
    search_fields = ("name",)


@admin.register(WorkflowVersion, site=site)
class WorkflowVersionAdmin(ReadOnlyAdmin):
    list_display = ("workflow", "version", "digest", "published_label", "created_at")
    list_select_related = ("workflow",)


@admin.register(Run, site=site)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "workflow_name", "workflow_version", "state", "waits_for", "ticket_number", "code")
    list_filter = ("state", "waits_for", "workflow_name")
    search_fields = ("ticket_number", "ticket_id")


@admin.register(Step, site=site)
class StepAdmin(ReadOnlyAdmin):
    list_display = ("run", "key", "tool", "state", "waits_for", "attempts", "code")
    list_filter = ("state", "tool")
    list_select_related = ("run",)


@admin.register(DeadLetter, site=site)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "run", "step_key", "connector", "code", "state", "redriven_by", "dismissed_by")
    list_filter = ("state", "connector", "code")
    list_select_related = ("run",)


@admin.register(RedriveJob, site=site)
class RedriveJobAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "state", "connector", "tool", "code", "total", "per_minute", "actor_label")
    list_filter = ("state",)
