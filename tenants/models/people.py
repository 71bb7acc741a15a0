from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from guardian.managers import UserObjectPermissionManager
from guardian.models import UserObjectPermissionBase

from controlplane.lib import ids
from tenants import scope
from tenants.models.base import TenantModel, TenantQuerySet, require_transaction, within_tenant
from tenants.models.places import Environment, Workspace
from tenants.roles import Role


class User(AbstractUser):
    """A person or a service identity. Global: what they may do is a matter of memberships."""

    class Kind(models.TextChoices):
        HUMAN = "human", "Human"
        SERVICE = "service", "Service"
        AGENT = "agent", "Agent"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.HUMAN)

    class Meta:
        verbose_name = "user"

    @property
    def label(self) -> str:
        return self.get_full_name() or self.username


class Membership(TenantModel):
    """A user's place in a tenant. The role is applied as guardian permissions to the workspace, or to one environment
    of it: then what is done to an environment is allowed there only."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="memberships")
    environment = models.ForeignKey(Environment, null=True, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=24, choices=[(r.value, r.label) for r in Role])

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user", "workspace", "environment", "role"],
                name="membership_once",
                nulls_distinct=False,
            ),
            within_tenant("membership"),
        ]


class WorkspaceUserPermissionManager(UserObjectPermissionManager):
    """guardian's manager, which sees the entered tenant only."""

    def get_queryset(self) -> TenantQuerySet["WorkspaceUserPermission"]:
        require_transaction()
        queryset: TenantQuerySet[WorkspaceUserPermission] = TenantQuerySet(self.model, using=self._db)
        return queryset.filter(tenant_id=scope.current())


class WorkspaceUserPermission(UserObjectPermissionBase):
    """django-guardian's permission of a user on a workspace, as our own row with its tenant."""

    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.PROTECT, default=scope.current, related_name="+", editable=False
    )
    content_object = models.ForeignKey(Workspace, on_delete=models.CASCADE)

    objects: ClassVar[WorkspaceUserPermissionManager] = WorkspaceUserPermissionManager()

    class Meta(UserObjectPermissionBase.Meta):
        base_manager_name = "objects"
        default_manager_name = "objects"


class EnvironmentUserPermissionManager(UserObjectPermissionManager):
    """guardian's manager, which sees the entered tenant only."""

    def get_queryset(self) -> TenantQuerySet["EnvironmentUserPermission"]:
        require_transaction()
        queryset: TenantQuerySet[EnvironmentUserPermission] = TenantQuerySet(self.model, using=self._db)
        return queryset.filter(tenant_id=scope.current())


class EnvironmentUserPermission(UserObjectPermissionBase):
    """django-guardian's permission of a user on one environment."""

    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.PROTECT, default=scope.current, related_name="+", editable=False
    )
    content_object = models.ForeignKey(Environment, on_delete=models.CASCADE)

    objects: ClassVar[EnvironmentUserPermissionManager] = EnvironmentUserPermissionManager()

    class Meta(UserObjectPermissionBase.Meta):
        base_manager_name = "objects"
        default_manager_name = "objects"


class ApiToken(TenantModel):
    """A bearer token: only the SHA-256 of it is kept; the prefix makes a leaked one recognisable."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16)
    digest = models.BinaryField(max_length=32, unique=True)
    scopes = models.JSONField(default=list, help_text="Permissions that the token may use; empty = none")
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    on_behalf_of = models.ForeignKey(
        User,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="It acts for this person and may no more than they may",
    )
    replaced_by = models.UUIDField(null=True, help_text="The token that it was rotated to")

    class Meta(TenantModel.Meta):
        constraints = [within_tenant("apitoken")]
