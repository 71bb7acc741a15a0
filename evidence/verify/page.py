"""The readable page of a bundle: one file, no script, no reference to anything outside.

It derives nothing: the verifier renders it again from the events and compares the bytes.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from evidence.verify import jcs, layout
from evidence.verify.disclosure import Disclosure
from evidence.verify.envelope import Event, Leaf
from evidence.verify.statement import Predicate

RENDERER = "interlock.report/1"
LAST_MS = 253_402_300_799_999  # the end of the year 9999

_STYLE = """
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;
border-bottom:1px solid #8888}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0}code{overflow-wrap:anywhere}
"""

_WHOLE = {
    layout.RUN: "The run is whole if it is sealed: no event of it is left out.",
    layout.APPROVAL: "The run is whole from its start up to the end of the approval: no event in between is left out.",
    layout.PERIOD: "The period is whole: it holds every event of the log between its first and its last leaf.",
}
_PRUNED = " Of {} of them only the leaf is left: what they said was pruned when its time was over, and is not shown."
_LIMITS = """
<h2>What this proves</h2>
<ul><li>These events were recorded in this order in the log named above, and none was changed since it was signed.</li>
<li>{whole}</li>
<li>Opened content is what was committed to when the event was recorded.</li></ul>
<h2>What this does not prove</h2>
<ul><li>That what was recorded is true, or that everything that happened was recorded.</li>
<li>The time, beyond the operator's word, as long as no third party stamped it.</li>
<li>History against an operator who holds all keys, unless you compare with a head that you remember.</li></ul>
<h2>Verify it yourself</h2>
<p>The page is a convenience. The proof is in the other files of the bundle:</p>
<pre>interlock-verify BUNDLE.evb --trust trust.json</pre>
"""


def render(
    predicate: Predicate,
    events: Sequence[Event],
    leaves: Sequence[Leaf],
    disclosures: Sequence[Disclosure],
    note: str,
) -> bytes:
    """The page as UTF-8 bytes; the same input gives the same bytes everywhere."""
    table = _types(events) if predicate.kind == layout.PERIOD else _events(events, leaves, disclosures)
    whole = _WHOLE[predicate.kind] + (_PRUNED.format(predicate.pruned) if predicate.pruned else "")
    limits = _LIMITS.replace("{whole}", whole)
    body = [_head(predicate), table, limits, f"<h2>Last checkpoint</h2><pre>{escape(note)}</pre>"]
    title = escape(f"Evidence of {_subject(predicate)}")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{''.join(body)}</body></html>\n"
    ).encode()


def _head(predicate: Predicate) -> str:
    named = {"Run": predicate.run, "Approval": predicate.request}
    facts = {
        "Log": predicate.origin,
        **{name: value for name, value in named.items() if value},
        "Events": f"{predicate.events}, leaves {predicate.first_leaf} to {predicate.last_leaf}",
        "Tree": f"size {predicate.size}, root {predicate.root}",
        **({"Pruned": f"{predicate.pruned} events"} if predicate.pruned else {}),
        "Content": f"{predicate.disclosed} opened, {predicate.redacted} withheld, {predicate.erased} erased",
        "Exported": f"{_time(predicate.generated_at)} by {predicate.exporter}",
    }
    rows = [f"<tr><th scope=row>{name}</th><td><code>{escape(value)}</code></td></tr>" for name, value in facts.items()]
    return f"<table>{''.join(rows)}</table>"


def _subject(predicate: Predicate) -> str:
    if predicate.kind == layout.PERIOD:
        return f"the period from leaf {predicate.first_leaf} to leaf {predicate.last_leaf}"
    return f"approval {predicate.request}" if predicate.kind == layout.APPROVAL else f"run {predicate.run}"


def _types(events: Sequence[Event]) -> str:
    """A period is counted, not listed."""
    counts = Counter(event.type for event in events)
    rows = "".join(f"<tr><td>{escape(kind)}</td><td>{counts[kind]}</td></tr>" for kind in sorted(counts))
    return (
        f"<h2>Population</h2><table><thead><tr><th>Event</th><th>Count</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _events(events: Sequence[Event], leaves: Sequence[Leaf], disclosures: Sequence[Disclosure]) -> str:
    opened = {(item.event, item.path): item.content for item in disclosures}
    return _table([_row(event, leaf, opened) for event, leaf in zip(events, leaves, strict=False)])


def _table(rows: Sequence[str]) -> str:
    head = "<tr><th>No.</th><th>Claimed time (UTC)</th><th>Event</th><th>Actor</th><th>Facts</th><th>Leaf</th></tr>"
    return f"<h2>Events</h2><table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _row(event: Event, leaf: Leaf, opened: dict[tuple[str, str], bytes]) -> str:
    actor = f"{jcs.shown(event.actor['kind'])} {jcs.shown(event.actor['id'])}"
    cells = [str(event.seq), _time(event.time_ms), event.type, actor]
    plain = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    contents = "".join(_content(event, path, opened) for path, _ in event.commitments())
    return (
        f"<tr>{plain}<td><pre>{escape(jcs.dumps(event.data).decode())}</pre>{contents}</td><td>{leaf.index}</td></tr>"
    )


def _content(event: Event, path: str, opened: dict[tuple[str, str], bytes]) -> str:
    content = opened.get((event.id, path))
    if content is None:
        return f"<p>{escape(path)}: withheld</p>"
    return f"<p>{escape(path)}:</p><pre>{escape(content.decode('utf-8', 'replace'))}</pre>"


def _time(milliseconds: int) -> str:
    if milliseconds > LAST_MS:
        return str(milliseconds)
    at = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{milliseconds % 1000:03d}"
