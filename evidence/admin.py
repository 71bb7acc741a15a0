"""The record can only be read."""

from django.contrib import admin

from evidence.models import Checkpoint, Event, KeyringVersion, LogHead, Quarantine
from tenants.admin_base import ReadOnlyAdmin, site
from tenants.permissions import Perm


class EvidenceAdmin(ReadOnlyAdmin):
    perm = Perm.ADMIN


@admin.register(LogHead, site=site)
class LogHeadAdmin(EvidenceAdmin):
    list_display = ("origin", "size", "signed_size", "frozen_reason")


@admin.register(Event, site=site)
class EventAdmin(EvidenceAdmin):
    list_display = ("created_at", "type", "run_id", "run_seq")
    list_filter = ("type",)
    search_fields = ("type",)
    ordering = ("-id",)
    fields = ("id", "created_at", "type", "log_id", "run_id", "run_seq", "hash", "text")
    readonly_fields = ("hash", "text")

    @admin.display(description="SHA-256")
    def hash(self, row: Event) -> str:
        return bytes(row.event_hash).hex()

    @admin.display(description="canonical bytes")
    def text(self, row: Event) -> str:
        return bytes(row.body).decode()


@admin.register(Checkpoint, site=site)
class CheckpointAdmin(EvidenceAdmin):
    list_display = ("created_at", "log_id", "size")
    ordering = ("-id",)
    fields = ("created_at", "log_id", "size", "note")


@admin.register(Quarantine, site=site)
class QuarantineAdmin(EvidenceAdmin):
    list_display = ("created_at", "id", "log_id", "reason")


@admin.register(KeyringVersion, site=site)
class KeyringVersionAdmin(EvidenceAdmin):
    list_display = ("version", "created_at")
