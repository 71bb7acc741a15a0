from uuid import UUID

from django.db import models
from django.db.models import Q

from approvals.types import Channel, Rules, State, Tier, Verdict
from tenants.models import TenantModel


class ApprovalRequest(TenantModel):
    """One question to people: may exactly this be done?

    Bound to the digest of the action and to the digest of what people are shown. The rules are a snapshot:
    what a policy asks tomorrow does not change what was asked today. What was shown is kept as a payload
    under `display_digest`; the row itself holds no content of the target.
    """

    call_id = models.UUIDField()
    run_id = models.UUIDField()
    workspace_id = models.UUIDField()
    ticket = models.CharField(max_length=120, blank=True)
    title = models.CharField(max_length=200)
    tool = models.CharField(max_length=120)
    risk = models.CharField(max_length=16)
    action_digest = models.CharField(max_length=64)
    display_digest = models.CharField(max_length=64)
    tier = models.CharField(max_length=16, choices=[(t.value, t.value) for t in Tier])
    quorum = models.PositiveSmallIntegerField()
    high = models.BooleanField()
    step_up = models.BooleanField()
    reason_required = models.BooleanField(default=False, help_text="A yes says why, too")
    policy_revision = models.CharField(max_length=120)
    reasons = models.JSONField(default=list)
    requester_id = models.UUIDField()
    run_starter_id = models.UUIDField()
    agent_owner_id = models.UUIDField(null=True)
    halt_scopes = models.JSONField(default=list, help_text="Halts that make the deadline stand still")
    state = models.CharField(max_length=12, choices=[(s.value, s.value) for s in State], default=State.PENDING.value)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="When the sweeper looks at it next")
    decided_at = models.DateTimeField(null=True)
    consumed_at = models.DateTimeField(null=True)
    void_reason = models.CharField(max_length=200, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="approvalrequest_within_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "call_id", "action_digest"], name="one_request_per_call_and_digest"
            ),
            models.CheckConstraint(condition=Q(quorum__gte=1), name="approval_needs_somebody"),
            models.CheckConstraint(condition=Q(state__in=[s.value for s in State]), name="approval_state_known"),
            models.CheckConstraint(
                condition=Q(state=State.PENDING, decided_at=None)
                | (~Q(state=State.PENDING) & Q(decided_at__isnull=False)),
                name="approval_decided_at_once",
            ),
            models.CheckConstraint(
                condition=Q(state=State.CONSUMED, consumed_at__isnull=False)
                | (~Q(state=State.CONSUMED) & Q(consumed_at=None)),
                name="approval_consumed_at_once",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "state", "expires_at"], name="approval_queue"),
            models.Index(fields=["due_at"], condition=Q(state=State.PENDING), name="approval_due"),
            models.Index(fields=["tenant", "run_id"], name="approval_of_run"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def rules(self) -> Rules:
        return Rules(quorum=self.quorum, high=self.high, step_up=self.step_up)

    @property
    def excluded(self) -> dict[UUID, str]:
        """Who may not decide, and as what."""
        own = {self.agent_owner_id: "own the agent that asks"} if self.agent_owner_id else {}
        return {**own, self.run_starter_id: "started the run", self.requester_id: "asked for it"}


class Vote(TenantModel):
    """One person's verdict on one request. Never changed, never withdrawn."""

    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="votes")
    voter_id = models.UUIDField()
    voter_label = models.CharField(max_length=150)
    verdict = models.CharField(max_length=8, choices=[(v.value, v.value) for v in Verdict])
    reason = models.CharField(max_length=1000, blank=True)
    channel = models.CharField(max_length=8, choices=[(c.value, c.value) for c in Channel])
    method = models.CharField(max_length=16)
    seen_digest = models.CharField(max_length=64)
    cast_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "request", "voter_id"], name="vote_once_per_person"),
            models.CheckConstraint(condition=~Q(verdict=Verdict.REJECT) | ~Q(reason=""), name="vote_no_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.voter_label}: {self.verdict}"
