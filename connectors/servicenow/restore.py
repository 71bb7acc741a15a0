"""`servicenow.incident.restore`, `servicenow.task.restore`: the guarded inverse of an update; foreign changes stay."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.outcomes import settled
from connectors.servicenow import session
from connectors.servicenow.incident import INCIDENTS, LABELS, Desk, change, fields_for, image, observed_by
from connectors.servicenow.notes import correction
from connectors.servicenow.session import Cells, Open, open_pysnow
from connectors.servicenow.transport import ServiceNowTransport
from connectors.types import (
    CallContext,
    Change,
    Done,
    Failed,
    JsonObject,
    Label,
    Observation,
    Outcome,
    Preview,
    Probe,
    UndoRecipe,
    Verified,
)


@dataclass(frozen=True, slots=True)
class RestoreRecord:
    """args: `{sys_id, fields: {name: {before, written}}, corrects: marker, reason}`."""

    desk: Desk = INCIDENTS
    open: Open = open_pysnow

    def observe_spec(self, args: JsonObject) -> Observation:
        before = {name: pair["before"] for name, pair in args["fields"].items()}
        return Observation(self.desk.get, observed_by(args["sys_id"], before))

    def expect(self, args: JsonObject, before: JsonObject | None) -> JsonObject:
        """What the update wrote: the recipe says it, not the record as it reads now."""
        return {name: pair["written"] for name, pair in args["fields"].items()}

    def preview(self, args: JsonObject, before: JsonObject | None) -> Preview:
        seen = before or {}
        lines = tuple(change(seen, name, pair["before"]) for name, pair in sorted(args["fields"].items()) if seen)
        added = Change("work_notes", LABELS["work_notes"], "", "a correcting note")
        number = seen.get("number", args["sys_id"])
        untouched = len(set(seen) - {"display", "names"} - set(args["fields"]))
        word = self.desk.word
        return Preview(f"Roll back {word} {number}", f"{word} {number}", (*lines, added), untouched)

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        """Three-way: what still reads as written goes back, what reads as before stays, else conflict."""
        return settled(ctx, self.open, lambda transport: _restore(transport, ctx, self.desk, args))

    def probe(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Probe:
        return session.probe(
            self.open,
            ctx,
            sys_id=args["sys_id"],
            fields=args["fields"],
            expected=expected,
            landed=lambda cells: _output(cells, tuple(args["fields"]), ctx.marker),
            table=self.desk.table,
        )

    def by_hand(self, args: JsonObject, marker: str) -> str:
        return (
            f"Open the {self.desk.word} {args['sys_id']} in ServiceNow and read its work notes: the roll-back landed if"
            f" one of them ends with {marker}."
        )

    def undo(
        self,
        args: JsonObject,
        before: JsonObject | None,
        after: JsonObject | None,
    ) -> UndoRecipe | None:
        """A rollback is not rolled back: a new update is proposed instead."""
        return None

    def verify(self, ctx: CallContext, args: JsonObject, after: JsonObject) -> Verified:
        """RESTORED: every field reads as before the update. OFFSET: only the correcting note was needed."""
        wanted = {name: pair["before"] for name, pair in args["fields"].items()}
        good = Label.RESTORED if wanted else Label.OFFSET
        return session.compare(self.open, ctx, sys_id=args["sys_id"], wanted=wanted, good=good, table=self.desk.table)


def _restore(transport: ServiceNowTransport, ctx: CallContext, desk: Desk, args: JsonObject) -> Outcome:
    pairs: dict[str, dict[str, str]] = args["fields"]
    now = session.read(transport, args["sys_id"], fields_for(pairs), table=desk.table)
    if session.carries(now, ctx.marker):
        return _done(None, now, pairs, ctx.marker)
    foreign = _foreign(now, pairs)
    if foreign:
        return Failed(permanent=True, code="conflict", detail=f"changed by others: {', '.join(foreign)}")
    pending = {name: pair["before"] for name, pair in pairs.items() if _value(now, name) != pair["before"]}
    text = correction(corrects=args["corrects"], fields=tuple(pending), reason=args["reason"], marker=ctx.marker)
    body = {**pending, "work_notes": text}
    after = session.patch(transport, args["sys_id"], fields_for(pairs), body, table=desk.table)
    return _done(now, after, pairs, ctx.marker)


def _foreign(now: Cells, pairs: Mapping[str, Mapping[str, str]]) -> list[str]:
    return sorted(name for name, pair in pairs.items() if _value(now, name) not in set(pair.values()))


def _done(before: Cells | None, after: Cells, pairs: Mapping[str, object], marker: str) -> Done:
    return Done(
        output=_output(after, tuple(pairs), marker),
        before=image(before, pairs) if before is not None else None,
        after={**image(after, pairs), "marker": marker},
    )


def _output(cells: Cells, fields: tuple[str, ...], marker: str) -> JsonObject:
    return {
        "sys_id": cells["sys_id"]["value"],
        "number": cells["number"]["value"],
        "fields": {name: _value(cells, name) for name in sorted(fields)},
        "priority": cells["priority"]["value"],
        "sys_mod_count": cells["sys_mod_count"]["value"],
        "marker": marker,
    }


def _value(cells: Cells, name: str) -> str:
    return str(cells[name]["value"])
