"""The approval card in Block Kit. Pure. Everything from tickets, models or people stands in `plain_text`.

The card is decoration: what a click decides is the request, bound by digest on our side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.slack.text import plain
from connectors.types import JsonObject

APPROVE, REJECT, OPEN = "approve", "reject", "open_console"
REJECT_CALLBACK, REASON_BLOCK, REASON_INPUT = "reject_reason", "reason", "reason"
MOST_CHANGES = 10
MOST_ALIKE = 3
MICRO = 1_000_000
_TITLE, _LINE, _SHORT = 150, 1900, 120

HEADLINES: Mapping[str, str] = {
    "PENDING": "Approval needed",
    "APPROVED": "Approved",
    "REJECTED": "Rejected",
    "EXPIRED": "Expired, nothing was done",
    "VOIDED": "No longer asked, nothing was done",
    "WITHDRAWN": "Withdrawn by those who asked, nothing was done",
    "CONSUMED": "Approved and carried out",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What is true of a request besides what was frozen with it.

    `value`: what a button carries back. `in_console`: it is decided there only (step-up, or a yes needs a reason).
    `alike`: the last decisions about the same tool, in a line each.
    """

    state: str
    value: str
    console_url: str
    in_console: bool
    decided_by: str = ""
    terms: str = ""
    alike: Sequence[str] = ()


def card(display: Mapping[str, Any], now: Standing) -> list[JsonObject]:
    """The blocks. Requests that are decided in the console only have no other button."""
    parts = [
        {"type": "header", "text": plain(f"{HEADLINES[now.state]}: {display['title']}", _TITLE)},
        _section(f"{display['target']} · {display['tool']} · risk {display['risk']}"),
        *_changes(display),
        *(_section(f"Why: {reason['message']} ({reason['rule']})") for reason in display["reason"][:3]),
        *([_section(display["blast_radius"])] if display.get("blast_radius") else []),
        _section(_undo(display["undo"])),
        _context(_joined(_asker(display), f"ticket {display['ticket'] or '–'}")),
        _context(_joined(_classes(display), _cost(display), f"target read {_minute(display['observed_at'])}")),
    ]
    pending = now.state == "PENDING"
    said = [_context(line) for line in (now.terms if pending else "", now.decided_by) if line]
    return [*parts, *_alike(now.alike), *said, *(_actions(now) if pending else [])]


def _alike(lines: Sequence[str]) -> list[JsonObject]:
    shown = [plain(line, _SHORT) for line in lines[:MOST_ALIKE]]
    return [{"type": "context", "elements": [plain("Decided before about this tool:"), *shown]}] if shown else []


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _asker(display: Mapping[str, Any]) -> str:
    owner = display.get("on_behalf_of")
    return _joined(f"Asked by {display['requested_by']}", f"on behalf of {owner}" if owner else "")


def _classes(display: Mapping[str, Any]) -> str:
    return f"data: {', '.join(display['data_classes'])}" if display["data_classes"] else ""


def _cost(display: Mapping[str, Any]) -> str:
    return f"cost so far {display['cost_so_far_micros'] / MICRO:.4f} USD"


def _minute(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


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


def letter(title: str, lines: Sequence[str], about: str, url: str) -> list[JsonObject]:
    """The same to one person, with a way to the console."""
    go = {"type": "button", "action_id": OPEN, "text": plain("Open in console", 75), "url": url}
    return [*notice(title=title, lines=lines, about=about), {"type": "actions", "elements": [go]}]


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


def _actions(now: Standing) -> list[JsonObject]:
    """High tiers are decided in the console, where a fresh second factor can be asked for."""
    go = {"type": "button", "action_id": OPEN, "text": plain("Open in console", 75), "url": now.console_url}
    if now.in_console:
        return [{"type": "actions", "elements": [go]}]
    yes = {"type": "button", "action_id": APPROVE, "style": "primary", "value": now.value, "text": plain("Approve", 75)}
    no = {"type": "button", "action_id": REJECT, "style": "danger", "value": now.value, "text": plain("Reject", 75)}
    return [{"type": "actions", "elements": [yes, no, go]}]


def _section(text: str) -> JsonObject:
    return {"type": "section", "text": plain(text, _LINE)}


def _context(text: str) -> JsonObject:
    return {"type": "context", "elements": [plain(text, _LINE)]}
