"""`servicenow.choices.get`: what an incident may be filed under today, as choices for a model.

A model answers with the id of a choice, so text in a ticket that names a group cannot route anything there.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from connectors.errors import Refused
from connectors.outcomes import settled
from connectors.servicenow import session
from connectors.servicenow.session import Cells, Open, open_pysnow
from connectors.servicenow.transport import ServiceNowTransport
from connectors.types import CallContext, Done, Failed, JsonObject, Outcome

LIMIT = 200
_ID = re.compile(r"[A-Za-z0-9_.-]{1,40}")


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the choices of a field live: table, fixed query, and the fields for value and label."""

    table: str
    query: str
    value: str
    label: str


SOURCES = MappingProxyType(
    {
        "assignment_group": _Source("sys_user_group", "active=true^ORDERBYname", "sys_id", "name"),
        "category": _Source(
            "sys_choice", "name=incident^element=category^inactive=false^ORDERBYsequence", "value", "label"
        ),
    }
)


@dataclass(frozen=True, slots=True)
class GetChoices:
    """args `{}` → `{choices: {field: [{id, label, value}]}}`, at most 200 of each field."""

    open: Open = open_pysnow

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, _choices)


def _choices(transport: ServiceNowTransport) -> Outcome:
    return Done(output={"choices": {field: _of(transport, field, source) for field, source in SOURCES.items()}})


def _of(transport: ServiceNowTransport, field: str, source: _Source) -> list[dict[str, str]]:
    rows = session.find(transport, source.table, source.query, (source.value, source.label), limit=LIMIT + 1)
    if not 0 < len(rows) <= LIMIT:
        detail = f"{len(rows) or 'no'} choices for {field}, between 1 and {LIMIT} are possible"
        raise Refused(Failed(permanent=True, code="choices_unusable", detail=detail))
    return list(_numbered(field, source, rows))


def _numbered(field: str, source: _Source, rows: Iterable[Cells]) -> Iterable[dict[str, str]]:
    """Ids: the value itself where it is short and plain, else the field and a number."""
    for number, row in enumerate(rows, start=1):
        value, label = _value(row, source.value), _value(row, source.label)
        plain = source.value == "value" and _ID.fullmatch(value)
        yield {"id": value if plain else f"{field}_{number}", "label": label or value, "value": value}


def _value(row: Mapping[str, Mapping[str, object]], name: str) -> str:
    return str(row[name]["value"])
