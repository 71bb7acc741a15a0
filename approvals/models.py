from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils.functional import cached_property

from approvals.types import Channel, Rules, State, Tier, Verdict
from tenants.models import TenantModel, within_tenant
from tenants.roles import ROLE_PERMISSIONS, Perm, Role


def deciding_roles() -> tuple[str, ...]:
    """Roles that give a right to decide."""
    return tuple(role.value for role in Role if {Perm.APPROVE, Perm.APPROVE_HIGH} & ROLE_PERMISSIONS[role])


class ApprovalRequest(TenantModel):
    """One question to people: may exactly this be done?

    Bound to the digest of the action and to the digest of what people are shown. The rules are a snapshot:
    what a policy asks tomorrow does not change what was asked today. What was shown is kept as a payload
    under `display_digest`; the row itself holds no content of the target.
    """

    call_id = models.UUIDField()
    run_id = models.UUIDField()
    workspace_id = models.UUIDField()
    environment_id = models.UUIDField(null=True, help_text="Where it is to be done; a role there counts as well")
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
    roles = models.JSONField(default=list, help_text="Places to be filled by different people of these roles")
    distinct_roles = models.BooleanField(default=False, help_text="No two of the people by the same role")
    reason_required = models.BooleanField(default=False, help_text="A yes says why, too")
    policy_revision = models.CharField(max_length=120)
    reasons = models.JSONField(default=list)
    requester_id = models.UUIDField()
    run_starter_id = models.UUIDField()
    agent_owner_id = models.UUIDField(null=True)
    also_excluded = models.JSONField(default=list, help_text="[[user id, why]]: who stands behind those who asked")
    halt_scopes = models.JSONField(default=list, help_text="Halts that make the deadline stand still")
    state = models.CharField(max_length=12, choices=[(s.value, s.value) for s in State], default=State.PENDING.value)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="When the sweeper looks at it next")
    reminded_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    consumed_at = models.DateTimeField(null=True)
    void_reason = models.CharField(max_length=200, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            within_tenant("approvalrequest"),
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
            models.Index(fields=["tenant", "opened_at"], name="approval_opened"),
            models.Index(fields=["tenant", "decided_at"], condition=~Q(state=State.PENDING), name="approval_decided"),
            models.Index(fields=["tenant", "id"], condition=Q(state=State.PENDING), name="approval_open"),
            models.Index(fields=["tenant", "id"], condition=~Q(state=State.PENDING), name="approval_closed"),
            models.Index(
                fields=["tenant", "workspace_id", "tool", "-id"],
                condition=~Q(state=State.PENDING),
                name="approval_alike",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def rules(self) -> Rules:
        among = deciding_roles() if self.distinct_roles else ()
        return Rules(self.quorum, self.high, self.step_up, tuple(self.roles), among)

    @property
    def places(self) -> tuple[UUID, ...]:
        """Where a right to decide it may have been given."""
        return (self.workspace_id, self.environment_id) if self.environment_id else (self.workspace_id,)

    @property
    def passkey_only(self) -> bool:
        """The highest tier takes no code: the passkey signs the action digest itself."""
        return self.tier == Tier.CRITICAL

    @cached_property
    def excluded(self) -> dict[UUID, str]:
        """Who may not decide, and as what."""
        behind = {UUID(person): why for person, why in self.also_excluded}
        own = {self.agent_owner_id: "own the agent that asks"} if self.agent_owner_id else {}
        return {**behind, **own, self.run_starter_id: "started the run", self.requester_id: "asked for it"}


class Vote(TenantModel):
    """One person's verdict on one request. Never changed; a yes that is taken back has a `TakenBack`.

    `right_of`: whose right was used, where the voter stands in for somebody. `roles`: those that went with the right
    when it was used. `selection`: digest of the frozen selection that it was cast with.
    """

    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="votes")
    voter_id = models.UUIDField()
    voter_label = models.CharField(max_length=150)
    right_of_id = models.UUIDField(null=True)
    right_of_label = models.CharField(max_length=150, blank=True)
    roles = models.JSONField(default=list)
    verdict = models.CharField(max_length=8, choices=[(v.value, v.value) for v in Verdict])
    reason = models.CharField(max_length=1000, blank=True)
    channel = models.CharField(max_length=8, choices=[(c.value, c.value) for c in Channel])
    method = models.CharField(max_length=16)
    step_up_method = models.CharField(max_length=16, blank=True)
    selection = models.CharField(max_length=64, blank=True)
    seen_digest = models.CharField(max_length=64)
    cast_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            within_tenant("vote"),
            models.UniqueConstraint(fields=["tenant", "request", "voter_id"], name="vote_once_per_person"),
            models.UniqueConstraint(fields=["tenant", "request", "right_of_id"], name="vote_once_per_right"),
            models.CheckConstraint(condition=~Q(verdict=Verdict.REJECT) | ~Q(reason=""), name="vote_no_has_a_reason"),
            models.CheckConstraint(
                condition=Q(right_of_id=None) | ~Q(right_of_id=F("voter_id")), name="vote_for_somebody_else"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "voter_id", "request"], name="vote_of_person"),
            models.Index(
                fields=["tenant", "right_of_id", "request"],
                condition=Q(right_of_id__isnull=False),
                name="vote_in_place",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.voter_label}: {self.verdict}"

    @property
    def is_taken_back(self) -> bool:
        return hasattr(self, "taken_back")


class TakenBack(TenantModel):
    """A yes that its voter took back before it was used. Never changed."""

    vote = models.OneToOneField(Vote, on_delete=models.PROTECT, related_name="taken_back")
    reason = models.CharField(max_length=1000)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.vote} taken back"


class Delegation(TenantModel):
    """`stand_in` may decide what `principal` may decide in the workspace, between the dates. Ended, never deleted."""

    workspace_id = models.UUIDField()
    principal_id = models.UUIDField()
    principal_label = models.CharField(max_length=150)
    stand_in_id = models.UUIDField()
    stand_in_label = models.CharField(max_length=150)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=300)
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            within_tenant("delegation"),
            models.CheckConstraint(condition=~Q(principal_id=F("stand_in_id")), name="delegation_to_somebody_else"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="delegation_lasts"),
        ]
        indexes = [
            models.Index(fields=["tenant", "stand_in_id"], condition=Q(ended_at=None), name="delegation_to_me"),
            models.Index(fields=["tenant", "principal_id"], name="delegation_of_mine"),
        ]

    def __str__(self) -> str:
        return f"{self.stand_in_label} for {self.principal_label}"
