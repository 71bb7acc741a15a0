from django.db import models

from tenants.models.base import TenantModel, within_tenant
from tenants.models.people import User


class ServiceIdentity(TenantModel):
    """A service or an agent of this tenant. It has credentials of its own and never a session.

    `owner`: the person who answers for it; what it asks for, its owner may not approve.
    """

    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="service")
    purpose = models.CharField(max_length=200)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_by = models.UUIDField()
    made_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [within_tenant("serviceidentity")]

    def __str__(self) -> str:
        return self.user.label


class PlatformOperator(models.Model):
    """Somebody who runs the installation. Written by the owner of the database only: no tenant makes one."""

    user = models.OneToOneField(User, on_delete=models.PROTECT, primary_key=True, related_name="platform_operator")
    appointed_at = models.DateTimeField(auto_now_add=True)


class BreakGlass(TenantModel):
    """A platform operator looks into the tenant: for a reason, for a limited time, on its record."""

    operator = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.UUIDField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [within_tenant("breakglass")]
        indexes = [models.Index(fields=["tenant", "operator", "expires_at"], name="breakglass_open")]

    def __str__(self) -> str:
        return f"{self.operator.label} until {self.expires_at:%H:%M}"
