"""The made-up credentials that the stand-ins accept, and the people who live in them.

They open nothing but this process; a real installation stores its own in the vault.
"""

from __future__ import annotations

from dataclasses import dataclass

SERVICENOW_USER = "svc.interlock"
SERVICENOW_PASSWORD = "sandbox-servicenow-password"
SERVICENOW_CLIENT_ID = "interlock-sandbox-client"
SERVICENOW_CLIENT_SECRET = "sandbox-servicenow-client-secret"
SERVICENOW_PEOPLE = {
    SERVICENOW_USER: (SERVICENOW_PASSWORD, "Interlock", "svc.interlock@acme.test", ("itil", "user_admin")),
    "admin": ("sandbox-admin-password", "System Administrator", "admin@acme.test", ("admin", "itil")),
    "beth.anglin": ("sandbox-beth-password", "Beth Anglin", "beth.anglin@acme.test", ("itil",)),
    "abel.tuter": ("sandbox-abel-password", "Abel Tuter", "abel.tuter@acme.test", ()),
    "carol.reyes": ("sandbox-carol-password", "Carol Reyes", "carol@acme.test", ()),
    "dave.frost": ("sandbox-dave-password", "Dave Frost", "dave@acme.test", ()),
}

SLACK_BOT_TOKEN = "xoxb-sandbox-interlock"
SLACK_APP_TOKEN = "xapp-1-A0INTERLOCK-sandbox"
SLACK_SIGNING_SECRET = "sandbox-slack-signing-secret"
SLACK_TEAM = "T0ACME"
SLACK_APP = "A0INTERLOCK"
SLACK_BOT_USER = "U0BOT"
SLACK_CHANNELS = {
    "C0APPROVALS": "itsm-approvals",
    "C0GENERAL": "general",
    "C0ITSM": "itsm",
    "C0LEADS": "itsm-leads",
    "C0PRIVATE": "not-invited",
    "C0ARCHIVED": "closed-desk",
}
NOT_INVITED = frozenset({"C0PRIVATE"})
ARCHIVED = frozenset({"C0ARCHIVED"})
"""Can be read, not written to."""


@dataclass(frozen=True)
class Person:
    id: str
    name: str
    email: str
    team: str = SLACK_TEAM
    is_bot: bool = False


SLACK_PEOPLE = {
    person.id: person
    for person in (
        Person("U0ALICE", "alice", "alice@acme.test"),
        Person("U0BOB", "bob", "bob@acme.test"),
        Person("U0CAROL", "carol", "carol@acme.test"),
        Person("U0DAVE", "dave", "dave@acme.test"),
        Person("U0STRANGER", "stranger", "stranger@elsewhere.test", team="T0ELSEWHERE"),
        Person(SLACK_BOT_USER, "interlock", "", is_bot=True),
    )
}

SLACK_USERGROUPS = {
    "S0PAYROLL": ("Payroll readers", "payroll-readers", ("U0CAROL", "U0DAVE")),
    "S0ADMINS": ("Domain administrators", "domain-admins", ("U0ALICE", "U0BOB")),
}

ANTHROPIC_KEY = "sk-sandbox-anthropic"
OPENAI_KEY = "sk-sandbox-openai"
AZURE_KEY = "sandbox-azure-key"
AZURE_DEPLOYMENTS = ("interlock-sandbox-1", "triage")
