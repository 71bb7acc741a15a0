"""Methods of `usergroups.*`: the whole list of members is replaced at once, with no word about who stood in it."""

from __future__ import annotations

from typing import Any

from connectors.sandbox import accounts
from connectors.sandbox.ledger import Ledger
from connectors.sandbox.slack.errors import SlackError
from connectors.sandbox.slack.store import Workspace

Fields = dict[str, Any]


class UserGroups:
    """Source: docs.slack.dev, usergroups.list, usergroups.users.list and usergroups.users.update."""

    def __init__(self, workspace: Workspace, ledger: Ledger) -> None:
        self.workspace = workspace
        self.ledger = ledger

    def listed(self, fields: Fields) -> Fields:
        whole = _asked(fields, "include_users")
        groups = self.workspace.usergroups.values()
        return {"usergroups": [g if whole else {k: v for k, v in g.items() if k != "users"} for g in groups]}

    def users(self, fields: Fields) -> Fields:
        return {"users": self._group(fields)["users"]}

    def update(self, fields: Fields) -> Fields:
        group = self._group(fields)
        users = [user for user in str(fields.get("users", "")).split(",") if user]
        if not users:
            raise SlackError("no_users_provided")
        if any(user not in accounts.SLACK_PEOPLE for user in users):
            raise SlackError("invalid_users")
        self.change(group["id"], users, actor=accounts.SLACK_BOT_USER, origin="api")
        return {"usergroup": group}

    def change(self, usergroup: str, users: list[str], *, actor: str, origin: str) -> None:
        """Each change of the list is an effect; the same list again is none."""
        group = self.workspace.usergroups[usergroup]
        before = sorted(group["users"])
        group |= {"users": list(users), "user_count": len(users), "updated_by": actor}
        group["date_update"] = int(self.workspace.clock.now())
        if before == sorted(users):
            return
        detail = {"before": before, "after": sorted(users)}
        self.ledger.add(
            vendor="slack", kind="usergroup_updated", target=usergroup, actor=actor, origin=origin, **detail
        )

    def _group(self, fields: Fields) -> dict[str, Any]:
        group = self.workspace.usergroups.get(str(fields.get("usergroup", "")))
        if group is None:
            raise SlackError("no_such_subteam")
        return group


def _asked(fields: Fields, name: str) -> bool:
    return str(fields.get(name, "")).lower() in ("true", "1")
