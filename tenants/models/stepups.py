from django.db import models
from django.db.models import Q

from tenants.models.base import TenantModel, within_tenant
from tenants.models.people import User


class StepUpChallenge(TenantModel):
    """A person was asked to prove, for one deed, that they are there. Answered once or never."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    action_digest = models.CharField(max_length=64)
    workspace_id = models.UUIDField(null=True, help_text="Whose log tells of it")
    run_id = models.UUIDField(null=True)
    opened_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    answered_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [within_tenant("stepupchallenge")]
        indexes = [models.Index(fields=["tenant", "user", "opened_at"], name="stepup_asked_lately")]

    def __str__(self) -> str:
        return f"{self.user_id} for {self.action_digest[:12]}"


class StepUp(TenantModel):
    """A proof that a person was there, for one deed: good for five minutes and for one use.

    `assertion`: canonical JSON of what a passkey signed, with the key that checks it. `proof_digest`: of the very
    code, signature or token, so that none is taken twice.
    """

    class Method(models.TextChoices):
        PASSKEY = "passkey", "Passkey"
        TOTP = "totp", "One-time code"
        OIDC = "oidc", "Fresh sign-in at the identity provider"

    challenge = models.ForeignKey(StepUpChallenge, on_delete=models.PROTECT, related_name="proofs")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    method = models.CharField(max_length=8, choices=Method.choices)
    action_digest = models.CharField(max_length=64)
    at = models.DateTimeField()
    assertion = models.BinaryField(null=True)
    proof_digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            within_tenant("stepup"),
            models.UniqueConstraint(fields=["tenant", "challenge"], name="stepup_once_per_challenge"),
            models.UniqueConstraint(fields=["tenant", "user", "proof_digest"], name="stepup_proof_once"),
            models.CheckConstraint(
                condition=Q(method="passkey", assertion__isnull=False) | (~Q(method="passkey") & Q(assertion=None)),
                name="stepup_passkey_has_assertion",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "user", "action_digest", "at"], name="stepup_fresh")]

    def __str__(self) -> str:
        return f"{self.method} for {self.action_digest[:12]}"
