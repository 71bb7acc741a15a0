"""Packs, bundles, what is active where, and every decision. All but the standing row are written once."""

from django.db import models

from policies.draft_models import Draft, DraftVote
from policies.types import Effect, Phase, SimulationState
from tenants.models.base import TenantModel, within_tenant

__all__ = [
    "Activation",
    "Bundle",
    "DecisionReason",
    "DecisionRecord",
    "Draft",
    "DraftVote",
    "PointDecision",
    "PointStatus",
    "PolicyPack",
    "PolicyVersion",
    "Simulation",
    "Standing",
]


class PolicyPack(TenantModel):
    """A named body of policy; its versions hold the text."""

    name = models.SlugField(max_length=48)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="policy_pack_once"),
            within_tenant("policy_pack"),
        ]

    def __str__(self) -> str:
        return self.name


class PolicyVersion(TenantModel):
    """One text of a pack, never changed. `digest` is that of source, data and tests together."""

    pack = models.ForeignKey(PolicyPack, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    source = models.TextField(help_text="Rego, package interlock.packs.<name>")
    data = models.JSONField(default=dict, help_text="Read by the pack as data.interlock.config.<name>")
    tests = models.TextField(blank=True, help_text="Rego, package interlock.tests.<name>")
    golden = models.JSONField(default=list, help_text="[{name, input, expect: {effect, codes}}]")
    version = models.CharField(max_length=32, blank=True, help_text="SemVer as its author declared it")
    author_id = models.UUIDField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "pack", "number"], name="policy_version_number_once"),
            models.UniqueConstraint(fields=["tenant", "pack", "digest"], name="policy_version_text_once"),
            within_tenant("policy_version"),
        ]

    def __str__(self) -> str:
        return f"{self.pack_id} v{self.number}"


class Bundle(TenantModel):
    """A signed OPA bundle, byte for byte. The same content under the same key is the same row."""

    sha256 = models.CharField(max_length=64)
    revision = models.CharField(max_length=64)
    content = models.BinaryField()
    packs = models.JSONField(help_text="What is in it: [{pack, number, digest}]")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "sha256"], name="policy_bundle_once"),
            within_tenant("policy_bundle"),
        ]

    def __str__(self) -> str:
        return self.revision


class Activation(TenantModel):
    """A bundle became the policy of an environment. A rollback is an activation too: old content, new number."""

    environment = models.ForeignKey("tenants.Environment", on_delete=models.PROTECT, related_name="+")
    bundle = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="activations")
    seq = models.PositiveBigIntegerField()
    author_id = models.UUIDField(help_text="Who wrote what is in it")
    activated_by_id = models.UUIDField()
    activated_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    draft = models.ForeignKey(
        Draft, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="What people approved"
    )
    restores = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="Whose content it is again"
    )

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "environment", "seq"], name="policy_activation_seq_once"),
            within_tenant("policy_activation"),
        ]

    def __str__(self) -> str:
        return f"#{self.seq}"


class Standing(TenantModel):
    """What is active in an environment now, and until when that is believed.

    The row that dispatch share-locks and activation locks: after an activation commits, no dispatch commits under
    the policy before it. `seq` never goes down (a trigger says so as well).
    """

    environment = models.ForeignKey("tenants.Environment", on_delete=models.PROTECT, related_name="+")
    activation = models.ForeignKey(Activation, on_delete=models.PROTECT, related_name="+")
    seq = models.PositiveBigIntegerField()
    statement = models.TextField(help_text="The signed freshness statement")
    issued_at = models.DateTimeField()
    not_after = models.DateTimeField()
    refresh_at = models.DateTimeField(db_index=True)
    ttl_s = models.PositiveIntegerField(default=600)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "environment"], name="policy_standing_once"),
        ]

    def __str__(self) -> str:
        return f"#{self.seq} until {self.not_after:%H:%M:%S}"


class DecisionRecord(TenantModel):
    """One decision. The input is a payload by `input_digest` while it is kept; evidence commits to it for ever.

    `evidence_id` is the event that tells of the decision; ids of runs and calls are plain, nothing cascades here.
    """

    workspace_id = models.UUIDField()
    environment_id = models.UUIDField()
    run_id = models.UUIDField(null=True, blank=True)
    call_id = models.UUIDField(null=True, blank=True)
    actor_id = models.UUIDField()
    action = models.CharField(max_length=32, blank=True)
    phase = models.CharField(
        max_length=8, default=Phase.BEFORE, choices=[(phase.value, phase.value) for phase in Phase]
    )
    tool = models.CharField(max_length=200, blank=True)
    workflow = models.CharField(max_length=200, blank=True)
    effect = models.CharField(max_length=16, choices=[(effect.value, effect.value) for effect in Effect])
    code = models.CharField(max_length=80, blank=True, help_text="Code of the first reason")
    reasons = models.JSONField(default=list)
    observed = models.JSONField(default=list, help_text="Findings of rules that are only observed")
    obligations = models.JSONField(default=list)
    route = models.JSONField(default=list)
    retry_after_s = models.PositiveIntegerField(default=0)
    revision = models.CharField(max_length=64, blank=True)
    seq = models.PositiveBigIntegerField(default=0)
    bundle_sha256 = models.CharField(max_length=64, blank=True)
    input_digest = models.CharField(max_length=64, blank=True)
    evidence_id = models.UUIDField()
    duration_us = models.PositiveBigIntegerField()
    decided_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "run_id", "id"], name="policy_decision_of_run"),
            models.Index(fields=["tenant", "workspace_id", "-id"], name="policy_decision_recent"),
            models.Index(fields=["tenant", "effect", "-id"], name="policy_decision_by_effect"),
            models.Index(fields=["tenant", "tool", "-id"], name="policy_decision_by_tool"),
            models.Index(fields=["tenant", "environment_id", "-id"], name="policy_decision_by_place"),
            models.Index(fields=["tenant", "actor_id", "-id"], name="policy_decision_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.effect} {self.tool or self.workflow}"


class DecisionReason(TenantModel):
    """A reason of a decision, or what was only observed, as a row to search by. The database writes it with the
    decision (a trigger), so none is without; operators on the JSON cannot use an index under row security."""

    decision_id = models.UUIDField()
    effect = models.CharField(max_length=16)
    rule = models.CharField(max_length=200)
    code = models.CharField(max_length=80)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(fields=["tenant", "rule", "-decision_id"], name="policy_reason_by_rule"),
            models.Index(fields=["tenant", "code", "-decision_id"], name="policy_reason_by_code"),
        ]

    def __str__(self) -> str:
        return f"{self.rule}: {self.code}"


class PointStatus(TenantModel):
    """What one OPA server said last about the bundle of an environment."""

    environment = models.ForeignKey("tenants.Environment", on_delete=models.PROTECT, related_name="+")
    server = models.CharField(max_length=64, blank=True, help_text="The label `id` that OPA gives itself")
    revision = models.CharField(max_length=96, blank=True)
    code = models.CharField(max_length=80, blank=True)
    message = models.CharField(max_length=500, blank=True)
    reported_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "environment", "server"], name="policy_point_status_once"),
        ]

    def __str__(self) -> str:
        return f"{self.server} {self.revision}"


class PointDecision(TenantModel):
    """A decision as an OPA server logged it: which one, under which revision. Its input stays where it was asked."""

    environment_id = models.UUIDField()
    server = models.CharField(max_length=64, blank=True)
    decision_id = models.CharField(max_length=64)
    request_id = models.CharField(max_length=64, blank=True)
    effect = models.CharField(max_length=16, blank=True)
    revision = models.CharField(max_length=96, blank=True)
    path = models.CharField(max_length=120, blank=True)
    made_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "decision_id"], name="policy_point_decision_once"),
        ]
        indexes = [models.Index(fields=["tenant", "environment_id", "-made_at"], name="policy_point_decision_recent")]

    def __str__(self) -> str:
        return f"{self.effect} {self.decision_id}"


class Simulation(TenantModel):
    """A candidate policy weighed on recorded decisions, in slices. `cursor` is the last decision that was weighed.

    `candidate_digest` names the payload with the texts of the packs; `report` is `policies.impact.Impact.report`.
    """

    environment = models.ForeignKey("tenants.Environment", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=[(state.value, state.value) for state in SimulationState])
    candidate_digest = models.CharField(max_length=64)
    packs = models.JSONField(help_text="What the candidate consists of: [{pack, digest}]")
    since = models.DateTimeField()
    until = models.DateTimeField()
    most = models.PositiveIntegerField()
    cursor = models.UUIDField(null=True, blank=True)
    done = models.PositiveIntegerField(default=0)
    report = models.JSONField(default=dict)
    findings = models.JSONField(default=list, help_text="Why the candidate was refused")
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    requested_by_id = models.UUIDField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [within_tenant("policy_simulation")]
        indexes = [models.Index(fields=["tenant", "environment", "-id"], name="policy_simulation_recent")]

    def __str__(self) -> str:
        return f"{self.state} {self.done}"
