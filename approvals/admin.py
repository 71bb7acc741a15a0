"""Requests and votes can be read here; they are decided in the console, in Slack or by the API."""

from django.contrib import admin

from approvals.models import ApprovalRequest, Delegation, Vote
from tenants.admin_base import ReadOnlyAdmin, site


@admin.register(ApprovalRequest, site=site)
class ApprovalRequestAdmin(ReadOnlyAdmin):
    list_display = ("opened_at", "title", "tier", "state", "ticket", "expires_at", "decided_at")
    list_filter = ("state", "tier", "risk")
    search_fields = ("title", "ticket")


@admin.register(Vote, site=site)
class VoteAdmin(ReadOnlyAdmin):
    list_display = ("cast_at", "voter_label", "verdict", "channel", "request")
    list_filter = ("verdict", "channel")
    list_select_related = ("request",)


@admin.register(Delegation, site=site)
class DelegationAdmin(ReadOnlyAdmin):
    list_display = ("principal_label", "stand_in_label", "starts_at", "ends_at", "ended_at")
