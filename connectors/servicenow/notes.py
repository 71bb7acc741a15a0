"""Text for work notes. Pure."""

import re

NOTE_LIMIT = 4000
_CODE_TAG = re.compile(r"\[\s*(/?)\s*code\s*\]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_MARKER = re.compile(r"\[\s*interlock\s*:", re.IGNORECASE)


def neutral(text: str) -> str:
    """Text that the journal shows as text: `[code]` would render as HTML, and nobody else writes our marker.

    Control and direction-changing characters go; newlines and tabs stay.
    """
    without_control = _CONTROL.sub("", text.replace("\r\n", "\n"))
    without_code = _CODE_TAG.sub(r"(\1code)", without_control)
    return _MARKER.sub("(interlock:", without_code)


def note(text: str, marker: str) -> str:
    """A neutral note that ends with the marker on a line of its own, at most 4,000 characters."""
    room = NOTE_LIMIT - len(marker) - 1
    return f"{neutral(text)[:room].rstrip()}\n{marker}"


def correction(*, corrects: str, fields: tuple[str, ...], reason: str, marker: str) -> str:
    """A journal entry cannot be edited or deleted, so an undo explains itself in a second one."""
    which = f"the note {neutral_marker(corrects)}" if corrects else "the earlier note of this run"
    put_back = f" Put back: {', '.join(fields)}." if fields else ""
    because = f" Reason: {reason}" if reason else ""
    return note(f"Correction: {which} no longer holds; the change was rolled back.{put_back}{because}", marker)


def neutral_marker(marker: str) -> str:
    """A marker quoted so that a probe for it does not find the quotation."""
    return marker.strip("[]")
