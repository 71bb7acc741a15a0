from tenants.models.base import TenantManager, TenantModel, TenantQuerySet, within_tenant
from tenants.models.halts import Halt, HaltDrill, HaltTrigger
from tenants.models.machines import BreakGlass, PlatformOperator, ServiceIdentity
from tenants.models.people import ApiToken, EnvironmentUserPermission, Membership, User, WorkspaceUserPermission
from tenants.models.places import Environment, Tenant, Workspace
from tenants.models.providers import IdentityProvider
from tenants.models.secrets import Credential, DataKey, Payload
from tenants.models.stepups import StepUp, StepUpChallenge

__all__ = [
    "ApiToken",
    "BreakGlass",
    "Credential",
    "DataKey",
    "Environment",
    "EnvironmentUserPermission",
    "Halt",
    "HaltDrill",
    "HaltTrigger",
    "IdentityProvider",
    "Membership",
    "Payload",
    "PlatformOperator",
    "ServiceIdentity",
    "StepUp",
    "StepUpChallenge",
    "Tenant",
    "TenantManager",
    "TenantModel",
    "TenantQuerySet",
    "User",
    "Workspace",
    "WorkspaceUserPermission",
    "within_tenant",
]
