"""What people may do. Pure tables: roles are names for sets of permissions on a workspace."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Perm(StrEnum):
    """A permission; its value is the codename that django-guardian stores."""

    VIEW = "view"
    VIEW_PAYLOADS = "view_payloads"
    VIEW_COSTS = "view_costs"
    START_RUN = "start_run"
    OPERATE = "operate"
    APPROVE = "approve"
    APPROVE_HIGH = "approve_high"
    AUTHOR_POLICY = "author_policy"
    ACTIVATE_POLICY = "activate_policy"
    SERVE_POLICY = "serve_policy"
    MANAGE_CONNECTORS = "manage_connectors"
    MANAGE_WORKFLOWS = "manage_workflows"
    MANAGE_BUDGETS = "manage_budgets"
    ENGAGE_HALT = "engage_halt"
    RELEASE_HALT = "release_halt"
    EXPORT_EVIDENCE = "export_evidence"
    ADMIN = "admin"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    SENIOR_APPROVER = "senior_approver"
    POLICY_AUTHOR = "policy_author"
    AUDITOR = "auditor"
    ADMIN = "admin"
    SERVICE = "service"
    POLICY_SERVER = "policy_server"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()


_VIEW = frozenset({Perm.VIEW, Perm.VIEW_COSTS})
_APPROVE = _VIEW | {Perm.VIEW_PAYLOADS, Perm.APPROVE, Perm.ENGAGE_HALT, Perm.RELEASE_HALT}

OF_ENVIRONMENT = frozenset(
    {
        Perm.VIEW_PAYLOADS,
        Perm.START_RUN,
        Perm.OPERATE,
        Perm.APPROVE,
        Perm.APPROVE_HIGH,
        Perm.AUTHOR_POLICY,
        Perm.ACTIVATE_POLICY,
        Perm.SERVE_POLICY,
        Perm.ENGAGE_HALT,
        Perm.RELEASE_HALT,
    }
)
"""What a role that is given for one environment allows only there; beside it, it lets one look at the workspace."""

IN_ENVIRONMENT = frozenset(
    {
        Role.OPERATOR,
        Role.APPROVER,
        Role.SENIOR_APPROVER,
        Role.POLICY_AUTHOR,
        Role.ADMIN,
        Role.SERVICE,
        Role.POLICY_SERVER,
    }
)
"""Roles that can be given for one environment; the others are about the record or the look of a whole workspace."""

BREAK_GLASS = _VIEW | {Perm.VIEW_PAYLOADS}
"""What a platform operator may do in a tenant, while the glass is broken: look."""

ROLE_PERMISSIONS: Mapping[Role, frozenset[Perm]] = MappingProxyType(
    {
        Role.VIEWER: _VIEW,
        Role.OPERATOR: _VIEW | {Perm.VIEW_PAYLOADS, Perm.START_RUN, Perm.OPERATE, Perm.ENGAGE_HALT, Perm.RELEASE_HALT},
        Role.APPROVER: _APPROVE,
        Role.SENIOR_APPROVER: _APPROVE | {Perm.APPROVE_HIGH},
        Role.POLICY_AUTHOR: _VIEW | {Perm.AUTHOR_POLICY},
        Role.AUDITOR: _VIEW | {Perm.VIEW_PAYLOADS, Perm.EXPORT_EVIDENCE},
        Role.ADMIN: frozenset(Perm) - {Perm.APPROVE, Perm.APPROVE_HIGH, Perm.SERVE_POLICY},
        Role.SERVICE: frozenset({Perm.VIEW, Perm.START_RUN}),
        Role.POLICY_SERVER: frozenset({Perm.SERVE_POLICY}),
    }
)
