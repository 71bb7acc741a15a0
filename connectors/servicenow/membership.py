"""`servicenow.membership.*`: who belongs to a group, a row of `sys_user_grmember`.

A row has no text, so no marker: removing one is proven by its `sys_id` being gone, putting one back by a row for the
same user and group. Both are looked up by user and group, and every row is checked, because the Table API drops
clauses of a query that it does not understand.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import Refused
from connectors.outcomes import settled
from connectors.servicenow import session
from connectors.servicenow.session import UNREADABLE, Cells, Open, open_pysnow
from connectors.servicenow.transport import ServiceNowTransport
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

TABLE = "sys_user_grmember"
FIELDS = ("group", "sys_created_by", "sys_created_on", "sys_id", "user")
MEMBER, OUTSIDE = "member", "not a member"
CANNOT_REMOVE = (
    "what the person could not do meanwhile",
    "the old membership record: the new one has another sys_id and date",
    "notifications that the change has sent",
)


@dataclass(frozen=True, slots=True)
class GetMembership:
    """`servicenow.membership.get`, args `{user, group}` (sys_ids): whether, since when, and the names of both."""

    open: Open = open_pysnow

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: Done(output=_observed(transport, args)))


@dataclass(frozen=True, slots=True)
class RemoveMembership:
    """`servicenow.membership.remove`, args `{user, group}`; only the record that was observed."""

    open: Open = open_pysnow

    def observe_spec(self, args: JsonObject) -> Observation:
        return Observation("servicenow.membership.get", _pair(args))

    def expect(self, args: JsonObject, before: JsonObject | None) -> JsonObject:
        """The sys_id of the membership; empty when there is none."""
        return {"sys_id": before["sys_id"]} if before else {}

    def preview(self, args: JsonObject, before: JsonObject | None) -> Preview:
        return _preview("Remove {user} from {group}", args, before, OUTSIDE)

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: _remove(transport, args, expected))

    def probe(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Probe:
        """Gone: it landed. Still the same record: it did not. Another record: somebody else was there."""
        try:
            row = _find(self.open(ctx), args)
        except UNREADABLE as error:
            return CannotTell(str(error))
        if row is None:
            return Landed(_removed(args, expected), _image(args, None))
        if _id(row) == expected.get("sys_id"):
            return NotLanded()
        return CannotTell("another membership record stands for this person and group")

    def undo(self, args: JsonObject, before: JsonObject | None, after: JsonObject | None) -> UndoRecipe | None:
        if before is None or not before["sys_id"]:
            return None
        return UndoRecipe(
            tool="servicenow.membership.restore",
            args={**_pair(args), "removed": before["sys_id"]},
            expected={"sys_id": ""},
            summary=f"Make {_names(args, before)['user']} a member of {_names(args, before)['group']} again",
            cannot=CANNOT_REMOVE,
        )

    def verify(self, ctx: CallContext, args: JsonObject, after: JsonObject) -> Verified:
        return _verify(self.open, ctx, args, member=False, good=None)


@dataclass(frozen=True, slots=True)
class RestoreMembership:
    """`servicenow.membership.restore`, args `{user, group, removed}`: the inverse, unless somebody was faster."""

    open: Open = open_pysnow

    def observe_spec(self, args: JsonObject) -> Observation:
        return Observation("servicenow.membership.get", _pair(args))

    def expect(self, args: JsonObject, before: JsonObject | None) -> JsonObject:
        """What the removal left: no membership. The recipe says it, not the group as it reads now."""
        return {"sys_id": ""}

    def preview(self, args: JsonObject, before: JsonObject | None) -> Preview:
        return _preview("Make {user} a member of {group} again", args, before, MEMBER)

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: _restore(transport, args))

    def probe(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Probe:
        """There was none right before we wrote, so one that stands now is ours or says the same."""
        try:
            row = _find(self.open(ctx), args)
        except UNREADABLE as error:
            return CannotTell(str(error))
        if row is None:
            return NotLanded()
        return Landed(_restored(args, row), _image(args, row))

    def undo(self, args: JsonObject, before: JsonObject | None, after: JsonObject | None) -> UndoRecipe | None:
        """A rollback is not rolled back: a new removal is proposed instead."""
        return None

    def verify(self, ctx: CallContext, args: JsonObject, after: JsonObject) -> Verified:
        return _verify(self.open, ctx, args, member=True, good=Label.RESTORED)


def _observed(transport: ServiceNowTransport, args: JsonObject) -> JsonObject:
    user = session.read(transport, args["user"], ("email", "name"), table="sys_user")
    group = session.read(transport, args["group"], ("name",), table="sys_user_group")
    row = _find(transport, args)
    return {
        **_image(args, row),
        "since": _value(row, "sys_created_on"),
        "user_name": _value(user, "name"),
        "user_email": _value(user, "email"),
        "group_name": _value(group, "name"),
    }


def _remove(transport: ServiceNowTransport, args: JsonObject, expected: JsonObject) -> Outcome:
    if "sys_id" not in expected:
        return Failed(permanent=True, code="expected_missing", detail="sys_id")
    row = _find(transport, args)
    if not expected["sys_id"]:
        return Failed(permanent=True, code="nothing_to_remove", detail="the person is not a member of the group")
    if row is None or _id(row) != expected["sys_id"]:
        return Failed(permanent=True, code="conflict", detail="the membership was changed by others")
    session.delete(transport, TABLE, _id(row))
    return Done(output=_removed(args, expected), before=_image(args, row), after=_image(args, None))


def _restore(transport: ServiceNowTransport, args: JsonObject) -> Outcome:
    if _find(transport, args) is not None:
        detail = "changed by others: the person is a member again"
        return Failed(permanent=True, code="conflict", detail=detail)
    made = session.create(transport, TABLE, FIELDS, _pair(args))
    return Done(output=_restored(args, made), before=_image(args, None), after=_image(args, made))


def _find(transport: ServiceNowTransport, args: Mapping[str, Any]) -> Cells | None:
    """The membership of a user in a group. Raises Refused for anything that is not one row or none."""
    pair = session.ids(args, "user", "group")
    rows = session.find(transport, TABLE, "^".join(f"{k}={v}" for k, v in pair.items()), FIELDS, limit=2)
    if any(_value(row, name) != value for row in rows for name, value in pair.items()):
        raise Refused(Failed(permanent=True, code="contract_drift", detail="rows that were not asked for"))
    if len(rows) > 1:
        raise Refused(Failed(permanent=True, code="membership_ambiguous", detail="more than one membership record"))
    return rows[0] if rows else None


def _verify(open_transport: Open, ctx: CallContext, args: JsonObject, *, member: bool, good: Label | None) -> Verified:
    try:
        row = _find(open_transport(ctx), args)
    except UNREADABLE as error:
        return Verified(False, Label.FAILED if good else None, str(error))
    seen = _image(args, row)
    if (row is not None) is not member:
        return Verified(False, Label.CONFLICT if good else None, "differs: member", seen)
    return Verified(True, good, "", seen)


def _preview(title: str, args: JsonObject, before: JsonObject | None, after: str) -> Preview:
    names = _names(args, before)
    was = "" if before is None else MEMBER if before["sys_id"] else OUTSIDE
    line = Change("membership", f"{names['user']} in {names['group']}", was, after)
    return Preview(title.format(**names), f"membership of {names['user']} in {names['group']}", (line,), 0)


def _names(args: Mapping[str, str], before: Mapping[str, str] | None) -> dict[str, str]:
    """People and groups by name, as they were observed; by sys_id as long as nothing was."""
    seen = before or {}
    return {name: seen.get(f"{name}_name") or args[name] for name in ("user", "group")}


def _pair(args: Mapping[str, str]) -> dict[str, str]:
    return {"user": args["user"], "group": args["group"]}


def _image(args: Mapping[str, str], row: Cells | None) -> JsonObject:
    return {**_pair(args), "member": row is not None, "sys_id": _id(row) if row else ""}


def _removed(args: Mapping[str, str], expected: Mapping[str, str]) -> JsonObject:
    return {**_pair(args), "member": False, "removed": expected["sys_id"]}


def _restored(args: Mapping[str, str], row: Cells) -> JsonObject:
    return {**_pair(args), "member": True, "sys_id": _id(row)}


def _id(row: Cells) -> str:
    return _value(row, "sys_id")


def _value(row: Cells | None, name: str) -> str:
    return str(row[name]["value"]) if row else ""
