"""Tables, references and choices of the base system, as far as the stand-in knows them."""

from __future__ import annotations

import hashlib

AUDIT_FIELDS = (
    "sys_id",
    "sys_created_on",
    "sys_created_by",
    "sys_updated_on",
    "sys_updated_by",
    "sys_mod_count",
)
INCIDENT_FIELDS = (
    *AUDIT_FIELDS,
    *(
        "number",
        "short_description",
        "description",
        "category",
        "subcategory",
        "impact",
        "urgency",
        "priority",
    ),
    *(
        "state",
        "active",
        "assignment_group",
        "assigned_to",
        "caller_id",
        "opened_at",
        "opened_by",
        "contact_type",
    ),
    *(
        "close_code",
        "close_notes",
        "resolved_at",
        "resolved_by",
        "closed_at",
        "closed_by",
        "cmdb_ci",
        "business_service",
    ),
    *(
        "correlation_id",
        "correlation_display",
        "reassignment_count",
        "reopen_count",
        "hold_reason",
        "location",
    ),
    *("work_notes", "comments", "sys_class_name", "sys_domain", "knowledge", "severity"),
)
TASK_FIELDS = (
    *AUDIT_FIELDS,
    *("number", "short_description", "description", "impact", "urgency", "priority", "state", "active"),
    *("assignment_group", "assigned_to", "opened_at", "opened_by", "closed_at", "closed_by", "close_notes"),
    *("work_notes", "comments", "sys_class_name", "sys_domain", "correlation_id"),
)
TABLES: dict[str, tuple[str, ...]] = {
    "incident": INCIDENT_FIELDS,
    "sc_task": TASK_FIELDS,
    "sys_user": (*AUDIT_FIELDS, "user_name", "name", "email", "active", "roles"),
    "sys_user_group": (*AUDIT_FIELDS, "name", "description", "active", "email", "manager"),
    "sys_user_grmember": (*AUDIT_FIELDS, "user", "group"),
    "sys_journal_field": (*AUDIT_FIELDS, "element_id", "element", "name", "value"),
    "sys_choice": (*AUDIT_FIELDS, "name", "element", "value", "label", "inactive", "sequence", "language"),
}
MEMBERSHIPS = "sys_user_grmember"
TABLES_OF_ROLE = {
    "itil": frozenset({"incident", "sc_task"}),
    "user_admin": frozenset({MEMBERSHIPS}),
    "admin": frozenset(TABLES),
}
"""Which tables a role may write to."""

DELETABLE = frozenset({MEMBERSHIPS})
"""Tables whose rows may be deleted by whoever may write them; the others need an administrator."""

NUMBERS = {"incident": "INC", "sc_task": "SCTASK"}
JOURNALS = {"work_notes": "Work notes", "comments": "Additional comments"}
REFERENCES = {
    "caller_id": "sys_user",
    "assigned_to": "sys_user",
    "opened_by": "sys_user",
    "resolved_by": "sys_user",
    "closed_by": "sys_user",
    "user": "sys_user",
    "group": "sys_user_group",
    "manager": "sys_user",
    "assignment_group": "sys_user_group",
}
DISPLAY_FIELD = {"sys_user": "name", "sys_user_group": "name", "incident": "number", "sc_task": "number"}
LEVELS = {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"}
CHOICES: dict[str, dict[str, str]] = {
    "category": {
        "inquiry": "Inquiry / Help",
        "software": "Software",
        "hardware": "Hardware",
        "network": "Network",
        "database": "Database",
        "email": "Email",
        "access": "Access",
    },
    "impact": LEVELS,
    "urgency": LEVELS,
    "priority": {
        "1": "1 - Critical",
        "2": "2 - High",
        "3": "3 - Moderate",
        "4": "4 - Low",
        "5": "5 - Planning",
    },
    "sc_task.state": {
        "1": "Open",
        "2": "Work in Progress",
        "3": "Closed Complete",
        "4": "Closed Incomplete",
        "7": "Closed Skipped",
    },
    "state": {
        "1": "New",
        "2": "In Progress",
        "3": "On Hold",
        "6": "Resolved",
        "7": "Closed",
        "8": "Canceled",
    },
}
GROUPS = {
    "inquiry": "Service Desk",
    "software": "Software",
    "hardware": "Hardware",
    "network": "Network",
    "database": "Database",
    "email": "Messaging",
    "access": "Identity and Access",
}
ACCESS_GROUPS = {"Payroll Readers": "Reads salary statements", "Domain Admins": "Administers the domain"}
"""Groups that give access and work on no ticket."""

MEMBERS = {"Payroll Readers": ("carol.reyes", "dave.frost"), "Domain Admins": ("admin", "dave.frost")}
PRIORITY = {
    ("1", "1"): "1",
    ("1", "2"): "2",
    ("1", "3"): "3",
    ("2", "1"): "2",
    ("2", "2"): "3",
    ("2", "3"): "4",
    ("3", "1"): "3",
    ("3", "2"): "4",
    ("3", "3"): "5",
}
CLOSED = "7"
ENDED = {"incident": ("7", "8"), "sc_task": ("3", "4", "7")}
"""States in which a record is no longer active."""


def stable_id(kind: str, name: str) -> str:
    """A sys_id that is the same in every start of the stand-in (32 hex digits)."""
    return hashlib.sha256(f"{kind}:{name}".encode()).hexdigest()[:32]
