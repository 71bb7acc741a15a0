"""`servicenow.incident.update` and `servicenow.task.update`: fields and one internal work note in a single PATCH."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.outcomes import settled
from connectors.servicenow import session
from connectors.servicenow.incident import (
    GUARDED,
    INCIDENTS,
    SIDE_EFFECTS,
    Desk,
    changes,
    deviations,
    differing,
    fields_for,
    image,
    observed_by,
)
from connectors.servicenow.notes import neutral, note
from connectors.servicenow.session import Cells, Open, open_pysnow
from connectors.servicenow.transport import ServiceNowTransport
from connectors.types import (
    CallContext,
    Change,
    Done,
    Failed,
    JsonObject,
    Observation,
    Outcome,
    Preview,
    Probe,
    UndoRecipe,
    Verified,
)

CANNOT_UNDO = (
    "notifications that the change has sent",
    "SLA clocks that it has started or stopped",
    "the work note, which can only be followed by a correction",
)


@dataclass(frozen=True, slots=True)
class UpdateRecord:
    """args: `{sys_id, fields: {name: raw value}, work_note}`. Priority is never written, it is computed.

    The write is guarded by what was observed, and proven by the marker at the end of its note.
    """

    desk: Desk = INCIDENTS
    open: Open = open_pysnow

    def observe_spec(self, args: JsonObject) -> Observation:
        return Observation(self.desk.get, observed_by(args["sys_id"], args["fields"]))

    def expect(self, args: JsonObject, before: JsonObject | None) -> JsonObject:
        """Raw values of the touched and the guarded fields."""
        if before is None:
            return {}
        return {name: before[name] for name in sorted({*args["fields"], *GUARDED})}

    def preview(self, args: JsonObject, before: JsonObject | None) -> Preview:
        seen = before or {}
        lines = changes(seen, args["fields"]) if before else ()
        added = Change("work_notes", "Work note (internal)", "", neutral(args["work_note"]))
        untouched = len(set(seen) - {"display", "names"} - {line.field for line in lines})
        number = seen.get("number", args["sys_id"])
        word = self.desk.word
        return Preview(f"Update {word} {number}", f"{word} {number}", (*lines, added), untouched)

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: _write(transport, ctx, self.desk, args, expected))

    def probe(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Probe:
        return session.probe(
            self.open,
            ctx,
            sys_id=args["sys_id"],
            fields=args["fields"],
            expected=expected,
            landed=lambda cells: _output(cells, args["fields"], ctx.marker),
            table=self.desk.table,
        )

    def by_hand(self, args: JsonObject, marker: str) -> str:
        return (
            f"Open the {self.desk.word} {args['sys_id']} in ServiceNow and read its work notes: the update landed if"
            f" one of them ends with {marker}; the fields {', '.join(sorted(args['fields']))} came in the same write."
        )

    def undo(self, args: JsonObject, before: JsonObject | None, after: JsonObject | None) -> UndoRecipe | None:
        """The restore of the same table, with the value before and the value written, field by field."""
        if before is None:
            return None
        fields = _reversals(args["fields"], before, after)
        corrects = (after or {}).get("marker", "")
        return UndoRecipe(
            tool=self.desk.restore,
            args={"sys_id": args["sys_id"], "fields": fields, "corrects": corrects, "reason": ""},
            expected={name: pair["written"] for name, pair in fields.items()},
            summary=_summary(before, fields),
            cannot=CANNOT_UNDO,
        )

    def verify(self, ctx: CallContext, args: JsonObject, after: JsonObject) -> Verified:
        """Every field as `after` says it was left, in a fresh read."""
        wanted = {name: after[name] for name in args["fields"]}
        return session.compare(self.open, ctx, sys_id=args["sys_id"], wanted=wanted, table=self.desk.table)


def _write(
    transport: ServiceNowTransport, ctx: CallContext, desk: Desk, args: JsonObject, expected: JsonObject
) -> Outcome:
    fields: dict[str, str] = args["fields"]
    unguarded = set(fields) - set(expected)
    if unguarded:
        return Failed(permanent=True, code="expected_missing", detail=", ".join(sorted(unguarded)))
    before = session.read(transport, args["sys_id"], fields_for(expected), table=desk.table)
    if session.carries(before, ctx.marker):
        return _done(None, before, args, ctx.marker)
    changed = differing(before, expected)
    if changed:
        return Failed(permanent=True, code="conflict", detail=f"changed since: {', '.join(changed)}")
    body = {**fields, "work_notes": note(args["work_note"], ctx.marker)}
    after = session.patch(transport, args["sys_id"], fields_for(fields), body, table=desk.table)
    return _done(before, after, args, ctx.marker)


def _done(before: Cells | None, after: Cells, args: JsonObject, marker: str) -> Done:
    fields = args["fields"]
    output = _output(after, fields, marker)
    if before is not None:
        output["priority_before"] = before["priority"]["value"]
        output["interleaved"] = _count(after) != _count(before) + 1
    return Done(
        output=output,
        before=image(before, fields) if before is not None else None,
        after={**image(after, fields), "marker": marker, **({} if before is not None else {"late": True})},
    )


def _output(cells: Cells, fields: Mapping[str, str], marker: str) -> JsonObject:
    """`priority` is what ServiceNow computed; `deviations` are fields that do not read back as written."""
    return {
        "sys_id": cells["sys_id"]["value"],
        "number": cells["number"]["value"],
        "fields": {name: cells[name]["value"] for name in sorted(fields)},
        "display": {name: cells[name]["display_value"] for name in sorted(fields)},
        "priority": cells["priority"]["value"],
        "deviations": deviations(cells, fields),
        "sys_mod_count": cells["sys_mod_count"]["value"],
        "marker": marker,
    }


def _count(cells: Cells) -> int:
    return _number(cells["sys_mod_count"]["value"])


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isdigit() else -1


def _reversals(
    fields: Mapping[str, str], before: Mapping[str, Any], after: Mapping[str, Any] | None
) -> dict[str, dict[str, str]]:
    """Before and written value of every field that changed with our write, business rules included."""
    left = {**fields, **_left(fields, before, after)} if after else fields
    return {
        name: {"before": before[name], "written": value}
        for name, value in sorted(left.items())
        if before[name] != value
    }


def _left(fields: Mapping[str, str], before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """What the write left behind, as far as it was ours.

    An image that was read later than the write may show what others wrote since: of that only what we sent
    counts, and what rules added only if nobody wrote in between.
    """
    if not after.get("late"):
        return {name: after[name] for name in {*fields, *SIDE_EFFECTS}}
    alone = _number(after.get("sys_mod_count")) == _number(before.get("sys_mod_count")) + 1
    return {name: after[name] for name in SIDE_EFFECTS if alone and name not in fields}


def _summary(before: Mapping[str, Any], fields: Mapping[str, object]) -> str:
    number = before.get("number", "the incident")
    if not fields:
        return f"Add a correcting work note to {number}"
    return f"Put back {', '.join(fields)} on {number} and add a correcting work note"
