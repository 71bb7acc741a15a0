"""How a record looks on the wire for `sysparm_display_value` false, true and all."""

from __future__ import annotations

from typing import Any

from connectors.sandbox.servicenow import schema
from connectors.sandbox.servicenow.tables import Record, Tables


def exists(table: str, path: str) -> bool:
    """Whether a dot-walked path names a field of the table."""
    head, _, rest = path.partition(".")
    if not rest:
        return head in schema.TABLES[table]
    return head in schema.REFERENCES and exists(schema.REFERENCES[head], rest)


class View:
    def __init__(self, tables: Tables, origin: str, mode: str = "false", *, links: bool = True) -> None:
        self.tables = tables
        self.origin = origin
        self.mode = mode if mode in ("true", "all") else "false"
        self.links = links

    def read(self, record: Record, path: str) -> str | None:
        """A raw value by dot-walked path; None for a field that does not exist."""
        head, _, rest = path.partition(".")
        value = record.get(head)
        if not rest or value is None:
            return value
        other = self.tables.find(schema.REFERENCES.get(head, "incident"), value)
        return self.read(other, rest) if other else ""

    def record(self, table: str, record: Record, fields: list[str]) -> dict[str, Any]:
        """Unknown fields are left out, as the vendor does."""
        wanted = fields or list(schema.TABLES[table])
        return {name: self._cell(record, name) for name in wanted if exists(table, name)}

    def _cell(self, record: Record, path: str) -> Any:
        if path in schema.JOURNALS:
            return self._journal(record, path)
        value = self.read(record, path) or ""
        reference = schema.REFERENCES.get(path.rpartition(".")[2])
        if not reference:
            return self._shaped(value, self.tables.label(path, value, record.get("sys_class_name", "")))
        if not value:
            return {"display_value": "", "value": ""} if self.mode == "all" else ""
        return self._reference(reference, value)

    def _shaped(self, value: str, label: str) -> Any:
        if self.mode == "all":
            return {"display_value": label, "value": value}
        return label if self.mode == "true" else value

    def _reference(self, table: str, sys_id: str) -> Any:
        other = self.tables.find(table, sys_id)
        label = other[schema.DISPLAY_FIELD[table]] if other else ""
        if not self.links:
            return self._shaped(sys_id, label)
        link = {"link": f"{self.origin}/servicenow/api/now/table/{table}/{sys_id}"}
        if self.mode == "all":
            return {"display_value": label, "value": sys_id, **link}
        return {"display_value": label, **link} if self.mode == "true" else {**link, "value": sys_id}

    def _journal(self, record: Record, element: str) -> Any:
        if self.mode == "false":
            return ""
        entries = self.tables.journal(record["sys_id"], element)
        text = "".join(self._entry(entry, schema.JOURNALS[element]) for entry in entries)
        return {"display_value": text, "value": ""} if self.mode == "all" else text

    def _entry(self, entry: Record, label: str) -> str:
        author = self.tables.find("sys_user", schema.stable_id("sys_user", entry["sys_created_by"]))
        name = author["name"] if author else entry["sys_created_by"]
        return f"{entry['sys_created_on']} - {name} ({label})\n{entry['value']}\n\n"
