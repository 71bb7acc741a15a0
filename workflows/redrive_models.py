"""Rows of a redrive: a selection of dead letters, frozen, worked off at a bounded rate."""

from django.db import models

from tenants.models import TenantModel, Workspace, within_tenant
from workflows.types import RedriveItemState, RedriveState


class RedriveJob(TenantModel):
    """`next_at`: when the next letter is due; it moves on by 60 / `per_minute` seconds with each one."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    connector = models.CharField(max_length=64, blank=True)
    tool = models.CharField(max_length=120, blank=True)
    code = models.CharField(max_length=80, blank=True)
    workflow = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=500)
    per_minute = models.PositiveIntegerField()
    total = models.PositiveIntegerField()
    state = models.CharField(
        max_length=16, default=RedriveState.READY, choices=[(s.value, s.value) for s in RedriveState]
    )
    next_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    actor_kind = models.CharField(max_length=16)
    actor_id = models.UUIDField()
    actor_label = models.CharField(max_length=150)
    actor_method = models.CharField(max_length=16)

    class Meta(TenantModel.Meta):
        constraints = [within_tenant("redrivejob")]
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(state=RedriveState.RUNNING), name="redrive_due"),
            models.Index(fields=["tenant", "-id"], name="redrive_newest"),
        ]

    def __str__(self) -> str:
        return f"redrive of {self.total} {self.state}"


class RedriveItem(TenantModel):
    """One letter of a job and what came of it. `tries` counts races that were lost."""

    job = models.ForeignKey(RedriveJob, on_delete=models.PROTECT, related_name="items")
    letter = models.ForeignKey("workflows.DeadLetter", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveIntegerField()
    state = models.CharField(
        max_length=16, default=RedriveItemState.PENDING, choices=[(s.value, s.value) for s in RedriveItemState]
    )
    tries = models.PositiveSmallIntegerField(default=0)
    code = models.CharField(max_length=80, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    run_id = models.UUIDField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["job", "letter"], name="redrive_letter_once_per_job")]
        indexes = [
            models.Index(
                fields=["job", "position"],
                condition=models.Q(state=RedriveItemState.PENDING),
                name="redrive_item_next",
            )
        ]

    def __str__(self) -> str:
        return f"{self.position} {self.state}"
