from tenants.models.base import TenantManager, TenantModel, TenantQuerySet
from tenants.models.halts import Halt, HaltDrill, HaltTrigger
from tenants.models.people import ApiToken, Membership, User, WorkspaceUserPermission
from tenants.models.places import Environment, Tenant, Workspace
from tenants.models.secrets import Credential, DataKey, Payload
from tenants.models.stepups import StepUp, StepUpChallenge

__all__ = [
    "ApiToken",
    "Credential",
    "DataKey",
    "Environment",
    "Halt",
    "HaltDrill",
    "HaltTrigger",
    "Membership",
    "Payload",
    "StepUp",
    "StepUpChallenge",
    "Tenant",
    "TenantManager",
    "TenantModel",
    "TenantQuerySet",
    "User",
    "Workspace",
    "WorkspaceUserPermission",
]
