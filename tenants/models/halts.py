from django.db import models

from controlplane.lib import ids
from tenants.models.base import require_transaction


class HaltManager(models.Manager["Halt"]):
    """A halt of the whole deployment belongs to no tenant: row security shows it to everyone."""

    def get_queryset(self) -> models.QuerySet["Halt"]:
        require_transaction()
        return super().get_queryset()


class Halt(models.Model):
    """One engagement of the kill switch. Rows are kept: the history of halts is evidence."""

    class Mode(models.TextChoices):
        FREEZE = "freeze", "Freeze"
        STOP_AND_UNDO = "stop_and_undo", "Stop and undo"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16)
    value = models.CharField(max_length=160, blank=True)
    mode = models.CharField(max_length=16, choices=Mode.choices)
    reason = models.CharField(max_length=500)
    engaged_by = models.UUIDField()
    engaged_by_label = models.CharField(max_length=150)
    engaged_at = models.DateTimeField()
    recorded = models.BooleanField(default=False, help_text="Its engagement stands in the evidence")
    confirmed_at = models.DateTimeField(null=True)
    release_requested_by = models.UUIDField(null=True)
    release_requested_at = models.DateTimeField(null=True)
    release_reason = models.CharField(max_length=500, blank=True)
    released_by = models.UUIDField(null=True)
    released_at = models.DateTimeField(null=True)

    objects = HaltManager()

    class Meta:
        indexes = [
            models.Index(fields=["kind", "value"], condition=models.Q(released_at=None), name="halt_active"),
        ]

    @property
    def state(self) -> str:
        if self.released_at:
            return "released"
        if self.release_requested_at:
            return "release requested"
        return "confirmed" if self.confirmed_at else "requested"
