"""How times, states, money and ids look: one component each, used by every page."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from controlplane.console.inert import inert
from controlplane.console.statuses import status as status_of
from controlplane.lib import clock

register = template.Library()


@register.simple_tag
def when(at: datetime | str | None) -> SafeString:
    """A time in UTC with its Z. The reader's own time shows on hover (times.js)."""
    if not at:
        return format_html('<span class="muted">{}</span>', "–")
    moment = (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(UTC)
    return format_html(
        '<time datetime="{}">{}</time>', moment.isoformat(timespec="milliseconds"), f"{moment:%Y-%m-%d %H:%M:%SZ}"
    )


@register.simple_tag
def status(state: object, word: str = "") -> SafeString:
    """Colour, shape and word of a state; the word may be replaced by a sentence."""
    shown = status_of(state)
    return format_html(
        '<span class="status {}"><span aria-hidden="true">{}</span>{}</span>',
        shown.tone,
        shown.shape,
        word or shown.word,
    )


@register.filter
def as_json(value: object) -> str:
    """For an attribute that a script reads."""
    return json.dumps(value)


@register.filter
def outside(text: object) -> str:
    """Words that came from outside: shown, not obeyed."""
    return inert(str(text or ""))


@register.filter
def ago(at: datetime | str | None) -> str:
    """How long since (or, for the future, until) a time, in its largest whole unit."""
    if not at:
        return ""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    passed = clock.now() - moment
    return f"{_length(passed)} ago" if passed >= timedelta(0) else f"in {_length(-passed)}"


@register.filter
def lasting(length: timedelta | float | None) -> str:
    """A duration: `340 ms`, `12 s`, `4 min`, `3 h`, `2 d`."""
    if length is None:
        return "–"
    return _length(length if isinstance(length, timedelta) else timedelta(seconds=length))


def _length(length: timedelta) -> str:
    seconds = length.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


@register.filter
def usd(micros: int | None) -> str:
    """Micro-USD as dollars. Unknown is a word, never a zero."""
    if micros is None:
        return "unknown"
    digits = 2 if abs(micros) >= 1_000_000 or not micros else 4
    return f"${micros / 1_000_000:,.{digits}f}"


@register.filter
def short(identifier: UUID | str | None) -> str:
    """The end of an id: UUIDv7 begin with the time, their ends tell them apart."""
    return str(identifier or "")[-12:]


@register.filter
def of(names: Mapping[str, str], identifier: UUID | str | None) -> str:
    """A name by its id; the id where no name is known."""
    return names.get(str(identifier), short(identifier)) if identifier else "–"


@register.filter
def capped(count: int, cap: int) -> str:
    """A count that stopped at a cap says so: `1,000+`."""
    return f"{cap:,}+" if count >= cap else f"{count:,}"


@register.filter
def words(name: object) -> str:
    """`servicenow_incident` → `servicenow incident`."""
    return str(name).replace("_", " ").lower()
