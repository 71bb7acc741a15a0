"""Records and what the base system does when one is written.

Priority follows impact and urgency, journals append, a write that changes nothing is no write, closed is
read-only.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from connectors.sandbox import accounts
from connectors.sandbox.clock import Clock
from connectors.sandbox.ledger import Ledger, markers_in
from connectors.sandbox.servicenow import schema

Record = dict[str, str]
READ_ONLY_RULE = (
    "Operation against file 'incident' was aborted by Business Rule "
    "'Closed is read only^5230b9170a0a0b1c00a2bd1f5c9a7e11'. "
    "Business Rule Stack:Closed is read only"
)


class AbortedError(Exception):
    """A business rule or an access rule refused the write; the text is what the vendor answers."""


class Tables:
    """All records by table and sys_id. Callers hold the world's lock."""

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self.clock = clock
        self.ledger = ledger
        self.rows: dict[str, dict[str, Record]] = {name: {} for name in schema.TABLES}
        self.categories: dict[str, str] = {}
        self._last_number = 10000
        self._people()
        self._access()
        for value, label in schema.CHOICES["category"].items():
            self.add_category(value, label, schema.GROUPS[value])

    def _people(self) -> None:
        for user, (_, name, email, roles) in accounts.SERVICENOW_PEOPLE.items():
            person = {
                "user_name": user,
                "name": name,
                "email": email,
                "active": "true",
                "roles": ",".join(roles),
            }
            self._put("sys_user", schema.stable_id("sys_user", user), person, "system")

    def _access(self) -> None:
        """Groups that give access, with their members at the start."""
        for group, about in schema.ACCESS_GROUPS.items():
            described = {"name": group, "description": about, "active": "true"}
            self._put("sys_user_group", schema.stable_id("sys_user_group", group), described, "system")
        if self.rows[schema.MEMBERSHIPS]:
            return
        for group, members in schema.MEMBERS.items():
            for user in members:
                self._put(schema.MEMBERSHIPS, schema.stable_id(group, user), membership(user, group), "system")

    def replace_categories(self, labels: list[str]) -> None:
        """The company files its tickets under these labels, each with a group of the same name."""
        self.categories.clear()
        for table in ("sys_choice", "sys_user_group"):
            self.rows[table].clear()
        self._access()
        for label in labels:
            self.add_category(label, label, label)

    def add_category(self, value: str, label: str, group: str) -> None:
        """A category choice with the group that works on it, of the base system or of a labelled file."""
        self.categories[value] = label
        choice = {
            "name": "incident",
            "element": "category",
            "value": value,
            "label": label,
            "inactive": "false",
        }
        sequence = {"sequence": str(len(self.categories)), "language": "en"}
        self._put("sys_choice", schema.stable_id("category", value), choice | sequence, "system")
        described = {"name": group, "description": f"Works on: {label}", "active": "true"}
        self._put("sys_user_group", schema.stable_id("sys_user_group", group), described, "system")

    def _put(self, table: str, sys_id: str, values: Record, actor: str) -> Record:
        now = self.clock.stamp()
        audit = {
            "sys_created_on": now,
            "sys_created_by": actor,
            "sys_updated_on": now,
            "sys_updated_by": actor,
        }
        record = dict.fromkeys(schema.TABLES[table], "") | values | audit | {"sys_id": sys_id, "sys_mod_count": "0"}
        self.rows[table][sys_id] = record
        return record

    def find(self, table: str, sys_id: str) -> Record | None:
        return self.rows[table].get(sys_id)

    def create(self, table: str, body: dict[str, Any], *, actor: str, origin: str) -> Record:
        values = _writable(table, body)
        notes = {name: values.pop(name) for name in schema.JOURNALS if values.get(name)}
        record = self._put(table, uuid4().hex, values, actor)
        if table in schema.NUMBERS:
            self._defaults(table, record, values, actor)
        self._log("record_created", record, actor, origin, table=table, values=dict(values))
        for element, text in notes.items():
            self._append(table, record, element, text, actor, origin)
        return record

    def _defaults(self, table: str, record: Record, given: Record, actor: str) -> None:
        """What every task gets, and what only an incident has."""
        self._last_number += 1
        usual = {"impact": "3", "urgency": "3", "state": "1"}
        if table == "incident":
            usual |= {"category": "inquiry", "reassignment_count": "0"}
        record |= {name: value for name, value in usual.items() if not given.get(name)}
        record["sys_class_name"] = table
        opener = schema.stable_id("sys_user", actor)
        record["opened_by"] = opener if opener in self.rows["sys_user"] else ""
        record |= {"number": f"{schema.NUMBERS[table]}{self._last_number:07d}", "active": "true"}
        record |= {"opened_at": record["sys_created_on"], "priority": _priority(record)}

    def update(self, table: str, record: Record, body: dict[str, Any], *, actor: str, origin: str) -> bool:
        """Write the fields given; False when nothing changed (then no counter moves). Raises AbortedError."""
        if table == "incident" and record["state"] == schema.CLOSED:
            raise AbortedError(READ_ONLY_RULE)
        values = _writable(table, body)
        notes = {name: values.pop(name) for name in schema.JOURNALS if name in values}
        changes = {name: [record[name], value] for name, value in values.items() if record[name] != value}
        written_notes = {name: text for name, text in notes.items() if text}
        if not changes and not written_notes:
            return False
        if table in schema.NUMBERS:
            changes |= _derived(table, record, values)
        self._apply(record, changes, actor)
        marks = markers_in(written_notes.get("work_notes", ""))
        if changes:
            self._log("field_update", record, actor, origin, table=table, changes=changes, markers=marks)
        for element, text in written_notes.items():
            self._append(table, record, element, text, actor, origin)
        return True

    def _apply(self, record: Record, changes: dict[str, list[str]], actor: str) -> None:
        record |= {name: after for name, (_, after) in changes.items()}
        record["sys_mod_count"] = str(int(record["sys_mod_count"]) + 1)
        record |= {"sys_updated_on": self.clock.stamp(), "sys_updated_by": actor}

    def edit_quietly(self, record: Record, values: Record) -> None:
        """A script with `autoSysFields(false)`: data moves, the counters do not."""
        record |= values

    def delete(self, table: str, record: Record, *, actor: str, origin: str) -> None:
        del self.rows[table][record["sys_id"]]
        values = {name: record[name] for name in schema.TABLES[table] if not name.startswith("sys_") and record[name]}
        self._log("record_deleted", record, actor, origin, table=table, values=values)

    def _append(self, table: str, record: Record, element: str, text: str, actor: str, origin: str) -> None:
        entry = {"element_id": record["sys_id"], "element": element, "name": table, "value": text}
        self._put("sys_journal_field", uuid4().hex, entry, actor)
        marks = markers_in(text)
        self._log("note_appended", record, actor, origin, element=element, value=text, markers=marks)

    def journal(self, sys_id: str, element: str) -> list[Record]:
        """Entries of one record, newest first, as the vendor shows them."""
        rows = self.rows["sys_journal_field"].values()
        return [row for row in rows if row["element_id"] == sys_id and row["element"] == element][::-1]

    def label(self, field: str, value: str, table: str = "") -> str:
        usual = schema.CHOICES.get(f"{table}.{field}", schema.CHOICES.get(field, {}))
        choices = self.categories if field == "category" else usual
        return choices.get(value, value)

    def _log(self, kind: str, record: Record, actor: str, origin: str, **detail: Any) -> None:
        named = {"number": record.get("number", ""), **detail}
        self.ledger.add(vendor="servicenow", kind=kind, target=record["sys_id"], actor=actor, origin=origin, **named)


def membership(user: str, group: str) -> Record:
    """A row of `sys_user_grmember` by user name and group name."""
    return {"user": schema.stable_id("sys_user", user), "group": schema.stable_id("sys_user_group", group)}


def _writable(table: str, body: dict[str, Any]) -> Record:
    """Known fields as strings; `sys_*`, the number and the computed priority cannot be set by a client."""
    fixed = {"number", "priority"} if table in schema.NUMBERS else set()
    known = [name for name in schema.TABLES[table] if not name.startswith("sys_") and name not in fixed]
    return {name: _text(body[name]) for name in known if name in body}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _priority(record: Record) -> str:
    return schema.PRIORITY.get((record["impact"], record["urgency"]), "5")


def _derived(table: str, record: Record, values: Record) -> dict[str, list[str]]:
    """What business rules of the base system set beside the fields that were sent."""
    after = record | values
    derived = {"priority": _priority(after), "active": str(after["state"] not in schema.ENDED[table]).lower()}
    reassigned = record["assignment_group"] and after["assignment_group"] != record["assignment_group"]
    if reassigned and "reassignment_count" in record:
        derived["reassignment_count"] = str(int(record["reassignment_count"] or "0") + 1)
    return {name: [record[name], value] for name, value in derived.items() if record[name] != value}
