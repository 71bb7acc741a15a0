from uuid import UUID

from django.db import models

from tenants.models.base import TenantModel, within_tenant

NOBODY = UUID(int=0)


class DataKey(TenantModel):
    """A tenant's data key, wrapped by the key-encryption key. The newest one encrypts, all decrypt."""

    wrapped = models.BinaryField()
    kek_id = models.CharField(max_length=64)

    class Meta(TenantModel.Meta):
        constraints = [within_tenant("datakey")]


class Credential(TenantModel):
    """One slot of a secret. Configuration refers to it by name (`cred:<name>`) and never holds it."""

    class Slot(models.TextChoices):
        CURRENT = "current", "Current"
        PREVIOUS = "previous", "Previous"

    name = models.SlugField(max_length=80)
    slot = models.CharField(max_length=8, choices=Slot.choices, default=Slot.CURRENT)
    key = models.ForeignKey(DataKey, on_delete=models.PROTECT, related_name="+")
    ciphertext = models.BinaryField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name", "slot"], name="credential_slot_once"),
            within_tenant("credential"),
        ]


class Payload(TenantModel):
    """Content (inputs, outputs, prompts) by digest: encrypted, and always expiring.

    `holder`: the run that it goes with, or `NOBODY` for what simply waits for its time. Content that several hold is
    there once for each: none can lose another's.
    """

    digest = models.CharField(max_length=64)
    holder = models.UUIDField(default=NOBODY)
    media_type = models.CharField(max_length=64, default="application/json")
    key = models.ForeignKey(DataKey, on_delete=models.PROTECT, related_name="+")
    ciphertext = models.BinaryField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "digest", "holder"], name="payload_once_per_holder"),
            within_tenant("payload"),
        ]
        indexes = [models.Index(fields=["tenant", "holder"], name="payload_of_holder")]
