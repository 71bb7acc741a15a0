"""A change of policy on its way: the text, what its check found, and what people said about exactly that text."""

from django.db import models

from policies.types import DraftState
from tenants.models.base import TenantModel, within_tenant


class Draft(TenantModel):
    """One pack as somebody wants it to be in one environment; or its removal, or an earlier policy back.

    `base_seq` is the activation that the author looked at, 0 for none. `revision` counts saves. `proposal` counts
    proposals: a vote is about one of them and about its `digest`, so an edit leaves no vote behind that counts.
    """

    environment = models.ForeignKey("tenants.Environment", on_delete=models.PROTECT, related_name="+")
    pack = models.SlugField(max_length=48, blank=True, help_text="Empty when an earlier policy is brought back")
    version = models.CharField(max_length=32, blank=True, help_text="SemVer of the pack")
    source = models.TextField(blank=True, help_text="Rego, package interlock.packs.<name>")
    data = models.JSONField(default=dict, blank=True, help_text="Read by the pack as data.interlock.config.<name>")
    tests = models.TextField(blank=True, help_text="Rego, package interlock.tests.<name>")
    golden = models.JSONField(default=list, blank=True, help_text="[{name, input, expect: {effect, codes}}]")
    removes = models.BooleanField(default=False)
    restores = models.ForeignKey(
        "policies.Activation", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    base_seq = models.PositiveBigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=[(state.value, state.value) for state in DraftState])
    revision = models.PositiveIntegerField(default=1)
    author_id = models.UUIDField(help_text="Who began it")
    editor_ids = models.JSONField(default=list, help_text="Everybody who saved or proposed it: none of them approves")
    report = models.JSONField(default=dict, help_text="What the last check found")
    checked_at = models.DateTimeField(null=True, blank=True)
    simulation = models.ForeignKey(
        "policies.Simulation", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    proposal = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True, help_text="Of everything that was proposed")
    proposed_by_id = models.UUIDField(null=True, blank=True)
    proposed_reason = models.CharField(max_length=500, blank=True)
    proposed_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    activation = models.ForeignKey(
        "policies.Activation", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta(TenantModel.Meta):
        constraints = [within_tenant("policy_draft")]
        indexes = [models.Index(fields=["tenant", "environment", "-id"], name="policy_draft_recent")]

    def __str__(self) -> str:
        return f"{self.pack or 'rollback'} {self.version} {self.state}".replace("  ", " ")


class DraftVote(TenantModel):
    """One person's word on one proposal. Written once; it counts as long as the draft has this very digest."""

    draft = models.ForeignKey(Draft, on_delete=models.PROTECT, related_name="votes")
    proposal = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    actor_id = models.UUIDField()
    approve = models.BooleanField()
    reason = models.CharField(max_length=500, blank=True)
    cast_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "draft", "proposal", "actor_id"], name="policy_draft_vote_once"),
        ]

    def __str__(self) -> str:
        return f"{'yes' if self.approve else 'no'} to {self.draft_id}"
