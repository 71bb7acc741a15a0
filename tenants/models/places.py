from django.db import models

from tenants.models.base import Identified, TenantModel, within_tenant
from tenants.roles import OF_ENVIRONMENT, Perm


class Tenant(Identified):
    """A customer. Its row is visible only inside its own scope; look-ups by name go through `routing`."""

    slug = models.SlugField(max_length=48, unique=True)
    name = models.CharField(max_length=120)
    home_workspace_id = models.UUIDField(null=True, blank=True, help_text="Where tenant-wide work is shown")
    keep_content = models.BooleanField(
        default=False,
        help_text="Opt-in: keep step inputs and outputs until they expire, not only while a run is open",
    )
    region = models.CharField(max_length=16, default="eu")
    cell = models.CharField(max_length=16, default="eu-1")

    def __str__(self) -> str:
        return self.slug


class Workspace(TenantModel):
    slug = models.SlugField(max_length=48)
    name = models.CharField(max_length=120)

    class Meta(TenantModel.Meta):
        default_permissions = ()
        permissions = [(perm.value, perm.label) for perm in Perm]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="workspace_slug_once"),
            within_tenant("workspace"),
        ]

    def __str__(self) -> str:
        return self.slug


class Environment(TenantModel):
    class Slug(models.TextChoices):
        DEV = "dev", "Development"
        STAGING = "staging", "Staging"
        PROD = "prod", "Production"

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="environments")
    slug = models.CharField(max_length=16, choices=Slug.choices)

    class Meta(TenantModel.Meta):
        default_permissions = ()
        permissions = [(perm.value, perm.label) for perm in Perm if perm in OF_ENVIRONMENT]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "workspace", "slug"], name="environment_slug_once"),
            within_tenant("environment"),
        ]

    def __str__(self) -> str:
        return self.slug
