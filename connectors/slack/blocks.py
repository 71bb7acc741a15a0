"""The approval card in Block Kit. Pure. Everything from tickets, models or people stands in `plain_text`.

The card is decoration: what a click decides is the request, bound by digest on our side.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.slack.text import plain
from connectors.types import JsonObject

APPROVE, REJECT, OPEN = "approve", "reject", "open_console"
REJECT_CALLBACK, REASON_BLOCK, REASON_INPUT = "reject_reason", "reason", "reason"
MOST_CHANGES = 10
_TITLE, _LINE = 150, 1900

HEADLINES: Mapping[str, str] = {
    "PENDING": "Approval needed",
    "APPROVED": "Approved",
    "REJECTED": "Rejected",
    "EXPIRED": "Expired, nothing was done",
    "VOIDED": "No longer asked, nothing was done",
    "WITHDRAWN": "Withdrawn by those who asked, nothing was done",
    "CONSUMED": "Approved and carried out",
}


def card(
    *, display: Mapping[str, Any], state: str, value: str, console_url: str, step_up: bool, decided_by: str = ""
) -> list[JsonObject]:
    """The blocks. `value` is what a button carries back; requests that need step-up or a reason have no buttons."""
    parts = [
        {"type": "header", "text": plain(f"{HEADLINES[state]}: {display['title']}", _TITLE)},
        _section(f"{display['target']} · {display['tool']} · risk {display['risk']}"),
        *_changes(display),
        *(_section(f"Why: {reason['message']}") for reason in display["reason"][:3]),
        _section(_undo(display["undo"])),
        _context(f"Asked by {display['requested_by']} · ticket {display['ticket'] or '–'} · {decided_by}".rstrip(" ·")),
    ]
    actions = _actions(value, console_url, step_up) if state == "PENDING" else []
    return [*parts, *actions]


def reject_modal(carried: str) -> JsonObject:
    """Asks for the reason; what it carries is checked again when it comes back."""
    field = {
        "type": "plain_text_input",
        "action_id": REASON_INPUT,
        "multiline": True,
        "min_length": 5,
        "max_length": 500,
    }
    return {
        "type": "modal",
        "callback_id": REJECT_CALLBACK,
        "private_metadata": carried,
        "title": plain("Reject", 24),
        "submit": plain("Reject", 24),
        "close": plain("Cancel", 24),
        "blocks": [{"type": "input", "block_id": REASON_BLOCK, "label": plain("Why?", 80), "element": field}],
    }


def notice(*, title: str, lines: Sequence[str], about: str) -> list[JsonObject]:
    """The blocks of a message that only tells: nobody is asked."""
    head = {"type": "header", "text": plain(title, _TITLE)}
    return [head, *(_section(line) for line in lines), _context(about)]


def _changes(display: Mapping[str, Any]) -> list[JsonObject]:
    lines = [
        _section(f"{change['label']}: {change['before'] or '–'} → {change['after']}")
        for change in display["changes"][:MOST_CHANGES]
    ]
    more = len(display["changes"]) - MOST_CHANGES
    rest = f"{display['unchanged']} other fields stay as they are"
    return [*lines, _context(f"{more} more changes in the console · {rest}" if more > 0 else rest)]


def _undo(undo: Mapping[str, Any]) -> str:
    cannot = f" Cannot be taken back: {'; '.join(undo['cannot'])}." if undo["cannot"] else ""
    return f"Undo: {undo['summary']}.{cannot}"


def _actions(value: str, console_url: str, step_up: bool) -> list[JsonObject]:
    """High tiers are decided in the console, where a fresh second factor can be asked for."""
    go = {"type": "button", "action_id": OPEN, "text": plain("Open in console", 75), "url": console_url}
    if step_up:
        return [{"type": "actions", "elements": [go]}]
    yes = {"type": "button", "action_id": APPROVE, "style": "primary", "value": value, "text": plain("Approve", 75)}
    no = {"type": "button", "action_id": REJECT, "style": "danger", "value": value, "text": plain("Reject", 75)}
    return [{"type": "actions", "elements": [yes, no, go]}]


def _section(text: str) -> JsonObject:
    return {"type": "section", "text": plain(text, _LINE)}


def _context(text: str) -> JsonObject:
    return {"type": "context", "elements": [plain(text, _LINE)]}
