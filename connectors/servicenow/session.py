"""Reading and writing one record through a transport, in terms of cells and refusals."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from connectors.errors import ConfigInvalid, Refused, ReplyLost, SendAborted, TransportError
from connectors.outcomes import reading
from connectors.servicenow import wire
from connectors.servicenow.incident import REFERENCES, differing, fields_for, image
from connectors.servicenow.transport import PysnowTransport, ServiceNowTransport
from connectors.transport import Reply
from connectors.types import (
    CallContext,
    CannotTell,
    Failed,
    JsonObject,
    Label,
    Landed,
    NotLanded,
    Probe,
    Verified,
)

Open: TypeAlias = Callable[[CallContext], ServiceNowTransport]
Cells: TypeAlias = dict[str, wire.Cell]

open_pysnow: Open = PysnowTransport
UNREADABLE = (ConfigInvalid, Refused, TransportError, SendAborted)
_SYS_ID = re.compile(r"[0-9a-f]{32}")


def read(transport: ServiceNowTransport, sys_id: str, fields: Iterable[str], *, table: str = "incident") -> Cells:
    """Raises Refused, or NothingSent when the answer was lost: a read changes nothing."""
    ids({"sys_id": sys_id}, "sys_id")
    names = tuple(fields)
    with reading():
        reply = transport.get(sys_id, names, table=table)
        body = reply.json_object()
        refused = wire.refusal(reply.status, reply.headers, body)
        if refused:
            raise Refused(refused)
        cells = wire.record(reply.status, body, retry_after_s=reply.retry_after_s())
    _require(cells, names)
    return cells


def ids(args: Mapping[str, str], *names: str) -> dict[str, str]:
    """Arguments that are put into a path or a query; raises Refused for anything but a sys_id."""
    for name in names:
        if not _SYS_ID.fullmatch(args[name]):
            raise Refused(Failed(permanent=True, code="invalid_args", detail=f"{name} must be 32 hex digits"))
    return {name: args[name] for name in names}


def _require(cells: Cells, names: Iterable[str]) -> None:
    drift = wire.missing(cells, names)
    if drift:
        raise Refused(Failed(permanent=True, code="contract_drift", detail=f"fields missing: {drift}"))


def find(transport: ServiceNowTransport, table: str, query: str, fields: Iterable[str], *, limit: int) -> list[Cells]:
    """Rows of a fixed query. Raises Refused, also when a row lacks a requested field."""
    names = tuple(fields)
    with reading():
        reply = transport.find(table, query, names, limit=limit)
        body = reply.json_object()
        refused = wire.refusal(reply.status, reply.headers, body)
        if refused:
            raise Refused(refused)
        rows = wire.records(reply.status, body, retry_after_s=reply.retry_after_s())
    for row in rows:
        _require(row, names)
    return rows


def names_of(transport: ServiceNowTransport, references: Mapping[str, str]) -> dict[str, str]:
    """The names of the records that reference fields would point to, by sys_id; unknown ones are absent.

    `references`: sys_id by field name.
    """
    names = {}
    for field, sys_id in references.items():
        try:
            cells = read(transport, sys_id, ("name",), table=REFERENCES[field])
        except Refused as refused:
            if refused.failed.code != "not_found":
                raise
        else:
            names[sys_id] = str(cells["name"]["display_value"])
    return names


def patch(
    transport: ServiceNowTransport,
    sys_id: str,
    fields: Iterable[str],
    body: Mapping[str, str],
    *,
    table: str = "incident",
) -> Cells:
    """One atomic write. Raises Refused for a definite no, ReplyLost for everything that proves nothing."""
    names = tuple(fields)
    return _written(transport.patch(sys_id, names, body, table=table), names)


def create(transport: ServiceNowTransport, table: str, fields: Iterable[str], body: Mapping[str, str]) -> Cells:
    """A new record. Raises like `patch`."""
    names = tuple(fields)
    return _written(transport.create(table, names, body), names)


def delete(transport: ServiceNowTransport, table: str, sys_id: str) -> None:
    """Remove a record. Raises like `patch`; a record that is gone already is Refused as `not_found`."""
    reply = transport.delete(sys_id, table=table)
    refused = wire.refusal(reply.status, reply.headers, reply.json_object())
    if refused:
        raise Refused(refused)
    if reply.status != 204:
        raise ReplyLost("unusable_reply", f"HTTP {reply.status} after a delete")


def _written(reply: Reply, names: tuple[str, ...]) -> Cells:
    answer = reply.json_object()
    refused = wire.refusal(reply.status, reply.headers, answer)
    if refused:
        raise Refused(refused)
    cells = wire.record(reply.status, answer)
    drift = wire.missing(cells, names)
    if drift:
        raise ReplyLost("contract_drift", f"fields missing: {drift}")
    return cells


def carries(cells: Mapping[str, wire.Cell], marker: str) -> bool:
    """Whether the journal, as displayed, holds the marker: the only proof that a write landed."""
    return marker in str(cells["work_notes"]["display_value"])


def probe(
    open_transport: Open,
    ctx: CallContext,
    *,
    sys_id: str,
    fields: Iterable[str],
    expected: Mapping[str, str],
    landed: Callable[[Cells], JsonObject],
    table: str = "incident",
) -> Probe:
    """Look for the marker. Absent and every expected value still standing means that nothing landed."""
    try:
        cells = read(open_transport(ctx), sys_id, fields_for({*fields, *expected}), table=table)
    except UNREADABLE as error:
        return CannotTell(str(error))
    if carries(cells, ctx.marker):
        return Landed(landed(cells), {**image(cells, fields), "marker": ctx.marker, "late": True})
    changed = differing(cells, expected)
    if changed:
        return CannotTell(f"no marker, but changed since: {', '.join(changed)}")
    return NotLanded()


def compare(
    open_transport: Open,
    ctx: CallContext,
    *,
    sys_id: str,
    wanted: Mapping[str, str],
    good: Label | None = None,
    table: str = "incident",
) -> Verified:
    """Read back. `good` is the label of an undo that holds; a forward write has none."""
    try:
        cells = read(open_transport(ctx), sys_id, fields_for(wanted), table=table)
    except UNREADABLE as error:
        return Verified(False, Label.FAILED if good else None, str(error))
    changed = differing(cells, wanted)
    seen = image(cells, wanted)
    if changed:
        return Verified(False, Label.CONFLICT if good else None, f"differs: {', '.join(changed)}", seen)
    return Verified(True, good, "", seen)
