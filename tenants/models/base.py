"""What every row of a tenant has: an id that sorts by time, its tenant, and managers that refuse to guess."""

from typing import Any, ClassVar, Self, TypeVar

from django.db import connection, models

from controlplane.lib import ids
from tenants import scope
from tenants.errors import OutsideTransaction

M = TypeVar("M", bound=models.Model, covariant=True)


class TenantQuerySet(models.QuerySet[M]):
    def _fetch_all(self) -> None:
        require_transaction()
        super()._fetch_all()


class TenantManager(models.Manager[M]):
    """Sees the rows of the entered tenant only; raises without a scope or outside a transaction."""

    def get_queryset(self) -> TenantQuerySet[M]:
        require_transaction()
        queryset: TenantQuerySet[M] = TenantQuerySet(self.model, using=self._db)
        return queryset.filter(tenant_id=scope.current())


def require_transaction() -> None:
    if not connection.in_atomic_block:
        raise OutsideTransaction("tenant rows are read and written inside a transaction only")


class Identified(models.Model):
    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class TenantModel(Identified):
    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.PROTECT, default=scope.current, related_name="+", editable=False
    )

    objects: ClassVar[TenantManager[Self]] = TenantManager()
    unscoped: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        require_transaction()
        super().save(*args, **kwargs)


def within_tenant(name: str) -> models.UniqueConstraint:
    """What a composite foreign key of another table of the same tenant points at."""
    return models.UniqueConstraint(fields=["tenant", "id"], name=f"{name}_within_tenant")
