"""What was done about one ticket so far. Its version makes a decision void when something came in between."""

from connectors.calls import Lane
from connectors.gateway.document import Past
from connectors.gateway.errors import DecideAgain
from connectors.models import History, ToolCall
from connectors.types import Kind
from tenants import quick


def subject_of(call: ToolCall) -> str:
    """Messages of the platform itself have a history of their own and never void a decision about work."""
    lane = Lane.SYSTEM if call.lane == Lane.SYSTEM else Lane.FORWARD
    return f"{lane}:{call.ticket or call.run_id}"


def read(subject: str) -> tuple[int, Past]:
    """Version and high-water mark; version 0 when nothing was done yet."""
    row = quick.first(History, subject=subject)
    if row is None:
        return 0, Past()
    return row.version, Past(row.writes, tuple(row.tools), tuple(row.data_classes))


def append(call: ToolCall, version: int) -> None:
    """Count this dispatch; raises DecideAgain when the history is no longer the one that was decided on.

    A dry run leaves no history: what it reads does not count against the ticket.
    """
    if call.dry_run:
        return
    subject = subject_of(call)
    row = _locked(subject)
    if row.version != version:
        raise DecideAgain(f"history of {subject} moved from {version} to {row.version}")
    row.version += 1
    row.writes += int(call.kind == Kind.WRITE and call.attempts == 0)
    row.tools = sorted({*row.tools, call.tool})
    row.data_classes = sorted({*row.data_classes, *call.data_classes})
    changes = {"version": row.version, "writes": row.writes, "tools": row.tools, "data_classes": row.data_classes}
    quick.update(History, changes, id=row.pk)


def _locked(subject: str) -> History:
    found = quick.find(History, lock=True, subject=subject)
    if not found:
        quick.insert([History(subject=subject)], on_conflict="ON CONFLICT DO NOTHING")
        found = quick.find(History, lock=True, subject=subject)
    return found[0]
