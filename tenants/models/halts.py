from django.db import models

from controlplane.lib import ids
from tenants.models.base import TenantModel, require_transaction


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
    told_in = models.UUIDField(
        null=True, help_text="The tenant in whose record it stands, also for the whole deployment"
    )
    trigger_id = models.UUIDField(null=True, help_text="The rule that engaged it by itself")
    drill = models.BooleanField(default=False)
    recorded = models.BooleanField(default=False, help_text="Its engagement stands in the evidence")
    confirmed_at = models.DateTimeField(null=True)
    confirm_recorded = models.BooleanField(default=False)
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
    def scope(self) -> str:
        return f"{self.kind}:{self.value}" if self.value else self.kind

    @property
    def confirmed_after_ms(self) -> int | None:
        """How long it took until nothing dispatched before was in flight; None while something may be."""
        if self.confirmed_at is None:
            return None
        return max(0, round((self.confirmed_at - self.engaged_at).total_seconds() * 1000))

    @property
    def state(self) -> str:
        if self.released_at:
            return "released"
        if self.release_requested_at:
            return "release requested"
        return "confirmed" if self.confirmed_at else "requested"


class HaltTrigger(TenantModel):
    """A rule by which the kill switch engages itself. Switched off, never deleted.

    `watch_kind` and `watch_value` say what is measured (no value: each one), `threshold` from when it is too much
    (percent, or a count), `window_s` over which time, `minimum` of how many calls at least.
    """

    class Kind(models.TextChoices):
        BUDGET_BREACH = "budget_breach", "Budget used up"
        ERROR_RATE = "error_rate", "Calls that fail"
        CANARY = "canary", "Canary of enforcement"
        EVIDENCE_BACKPRESSURE = "evidence_backpressure", "Evidence cannot keep up"

    class Reach(models.TextChoices):
        MEASURED = "measured", "What was measured"
        TENANT = "tenant", "Everything"

    name = models.SlugField(max_length=48)
    kind = models.CharField(max_length=24, choices=Kind.choices)
    watch_kind = models.CharField(max_length=16, blank=True)
    watch_value = models.CharField(max_length=160, blank=True)
    threshold = models.PositiveIntegerField()
    window_s = models.PositiveIntegerField()
    minimum = models.PositiveIntegerField(default=1)
    reach = models.CharField(max_length=16, choices=Reach.choices, default=Reach.MEASURED)
    mode = models.CharField(max_length=16, choices=Halt.Mode.choices, default=Halt.Mode.FREEZE)
    enabled = models.BooleanField(default=True)
    set_by = models.UUIDField()
    set_by_label = models.CharField(max_length=150)
    set_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="halt_trigger_name_once")]

    def __str__(self) -> str:
        return self.name


class HaltDrill(TenantModel):
    """One rehearsal of the kill switch and what it proved. Times in milliseconds after `started_at`."""

    environment = models.ForeignKey("tenants.Environment", on_delete=models.PROTECT, related_name="+")
    started_by = models.UUIDField()
    started_by_label = models.CharField(max_length=150)
    started_at = models.DateTimeField()
    halt_id = models.UUIDField(null=True)
    call_id = models.UUIDField(null=True)
    engaged_ms = models.PositiveIntegerField(null=True)
    confirmed_ms = models.PositiveIntegerField(null=True)
    refused_ms = models.PositiveIntegerField(null=True)
    refused_as = models.CharField(max_length=100, blank=True)
    released_ms = models.PositiveIntegerField(null=True)
    resumed_ms = models.PositiveIntegerField(null=True)
    resumed_as = models.CharField(max_length=100, blank=True)
    finished_at = models.DateTimeField(null=True)
    passed = models.BooleanField(default=False)
    detail = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant", "-id"], name="halt_drill_newest")]

    def __str__(self) -> str:
        return f"drill of {self.started_at:%Y-%m-%d %H:%M}"
