"""Verbs of `slack.usergroup.*` and `slack.user.find`.

Slack replaces the whole list of a user group, without a condition and without room for a marker. So an update names
only the people who come and go: the list is read right before, everybody else is written back as read, and where the
people it names stand afterwards is the proof that it landed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import Refused, ReplyLost
from connectors.outcomes import reading, settled
from connectors.slack.looking import UNREADABLE, Open, open_sdk
from connectors.slack.transport import SlackTransport
from connectors.types import (
    CallContext,
    CannotTell,
    Change,
    Done,
    Failed,
    JsonObject,
    Label,
    Landed,
    NotLanded,
    Observation,
    Outcome,
    Preview,
    Probe,
    UndoRecipe,
    Verified,
)

CANNOT_UNDO = ("mentions of the group that the person missed meanwhile",)
WHERE = {True: "in the group", False: "not in the group"}


@dataclass(frozen=True, slots=True)
class FindUser:
    """`slack.user.find`, args `{email}`: the id and the name of the active person of this workspace."""

    open: Open = open_sdk

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: Done(output=_person(transport, args["email"])))


@dataclass(frozen=True, slots=True)
class GetUserGroup:
    """`slack.usergroup.get`, args `{usergroup}`: its name, handle and members (ids, sorted)."""

    open: Open = open_sdk

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: Done(output=_get(transport, args["usergroup"])))


@dataclass(frozen=True, slots=True)
class UpdateUserGroup:
    """`slack.usergroup.update`, args `{usergroup, add: [user], remove: [user]}`. Its inverse is one, too."""

    open: Open = open_sdk

    def observe_spec(self, args: JsonObject) -> Observation:
        return Observation("slack.usergroup.get", {"usergroup": args["usergroup"]})

    def expect(self, args: JsonObject, before: JsonObject | None) -> JsonObject:
        """Where each person stands before: true in the group. Nobody else of the group is expected to stay."""
        return {user: user in before["users"] for user in _wanted(args)} if before else {}

    def preview(self, args: JsonObject, before: JsonObject | None) -> Preview:
        name = f"@{before['handle']}" if before else args["usergroup"]
        stands = self.expect(args, before)
        lines = tuple(
            Change(user, f"{user} in {name}", WHERE[stands[user]] if stands else "", WHERE[wanted])
            for user, wanted in sorted(_wanted(args).items())
        )
        others = len(set(before["users"]) - set(_wanted(args))) if before else 0
        return Preview(f"Change who is in {name}", f"user group {name}", lines, others)

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: _update(transport, args, expected))

    def probe(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Probe:
        try:
            group = _get(self.open(ctx), args["usergroup"])
        except UNREADABLE as error:
            return CannotTell(str(error))
        if _stand(group, _wanted(args)):
            return Landed(_output(group), group)
        if _stand(group, expected):
            return NotLanded()
        return CannotTell("some of the people stand where they are wanted, some do not")

    def undo(self, args: JsonObject, before: JsonObject | None, after: JsonObject | None) -> UndoRecipe | None:
        """Whoever came goes, whoever went comes back; those who stood right before stay out of it."""
        if before is None:
            return None
        stood = self.expect(args, before)
        moved = {user: was for user, was in stood.items() if was is not _wanted(args)[user]}
        return UndoRecipe(
            tool="slack.usergroup.update",
            args={"usergroup": args["usergroup"], **_delta(moved)},
            expected={user: not was for user, was in moved.items()},
            summary=f"Put {', '.join(sorted(moved)) or 'nobody'} back as before in @{before['handle']}",
            cannot=CANNOT_UNDO,
        )

    def verify(self, ctx: CallContext, args: JsonObject, after: JsonObject) -> Verified:
        try:
            group = _get(self.open(ctx), args["usergroup"])
        except UNREADABLE as error:
            return Verified(False, Label.FAILED, str(error))
        if not _stand(group, _wanted(args)):
            return Verified(False, Label.CONFLICT, "the user group was changed since", group)
        return Verified(True, Label.RESTORED, "", group)


def _update(transport: SlackTransport, args: JsonObject, expected: Mapping[str, bool]) -> Outcome:
    wanted = _wanted(args)
    if set(wanted) - set(expected):
        return Failed(permanent=True, code="expected_missing", detail=", ".join(sorted(set(wanted) - set(expected))))
    before = _get(transport, args["usergroup"])
    moved = sorted(user for user, stood in expected.items() if (user in before["users"]) is not stood)
    if moved:
        return Failed(permanent=True, code="conflict", detail=f"changed by others: {', '.join(moved)}")
    users = sorted({user for user in before["users"] if wanted.get(user, True)} | {u for u in wanted if wanted[u]})
    answer = transport.call("usergroups_users_update", usergroup=args["usergroup"], users=users)
    if isinstance(answer, Failed):
        return answer
    after = _written(answer.get("usergroup") or {})
    return Done(output=_output(after), before=before, after=after)


def _get(transport: SlackTransport, usergroup: str) -> JsonObject:
    """Raises Refused: `slack_no_such_subteam` when there is no such group (or it is disabled)."""
    with reading():
        answer = transport.call("usergroups_list", include_users=True)
    if isinstance(answer, Failed):
        raise Refused(answer)
    found = next((one for one in answer.get("usergroups") or [] if one.get("id") == usergroup), None)
    if found is None:
        raise Refused(Failed(permanent=True, code="slack_no_such_subteam", detail="no such user group"))
    return _group(found)


def _person(transport: SlackTransport, email: str) -> JsonObject:
    with reading():
        answer = transport.call("users_lookupByEmail", email=email)
    if isinstance(answer, Failed):
        raise Refused(answer)
    user = answer.get("user") or {}
    if user.get("deleted") or user.get("is_bot") or user.get("is_stranger"):
        raise Refused(Failed(permanent=True, code="slack_not_a_person", detail="not an active person of the workspace"))
    name = str(user.get("real_name") or user.get("name") or "")
    return {"id": str(user["id"]), "name": name, "email": email}


def _group(found: Mapping[str, Any]) -> JsonObject:
    """Raises Refused when the answer lacks what it was asked for."""
    if not isinstance(found.get("users"), list):
        raise Refused(Failed(permanent=True, code="contract_drift", detail="a user group without users"))
    return {
        "usergroup": str(found.get("id", "")),
        "name": str(found.get("name", "")),
        "handle": str(found.get("handle", "")),
        "users": sorted(map(str, found["users"])),
    }


def _written(found: Mapping[str, Any]) -> JsonObject:
    """The same after a write: what the answer lacks does not mean that nothing was written."""
    try:
        return _group(found)
    except Refused as refused:
        raise ReplyLost(refused.failed.code, refused.failed.detail) from refused


def _output(group: JsonObject) -> JsonObject:
    return {"usergroup": group["usergroup"], "users": group["users"]}


def _wanted(args: Mapping[str, Any]) -> dict[str, bool]:
    """Where each named person is to stand; who is both added and removed is removed."""
    return {**dict.fromkeys(args.get("add", ()), True), **dict.fromkeys(args.get("remove", ()), False)}


def _delta(wanted: Mapping[str, bool]) -> JsonObject:
    come = sorted(user for user, inside in wanted.items() if inside)
    go = sorted(user for user, inside in wanted.items() if not inside)
    return {"add": come, "remove": go}


def _stand(group: JsonObject, wanted: Mapping[str, bool]) -> bool:
    return all((user in group["users"]) is inside for user, inside in wanted.items())
