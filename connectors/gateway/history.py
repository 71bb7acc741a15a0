"""What was done in a run, about a ticket, and what was carried to a record. Versions make a decision void when
something came in between.

A call belongs to the run with all it is a part of (parents, sub-runs, what it repeats) and to its ticket, by number
and by the vendor's id. Rows are only ever raised. They are written in the order of their subjects, all in one
statement that also compares their versions, so that two dispatches neither overwrite each other nor deadlock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from uuid import UUID

from connectors import classes
from connectors.calls import Lane
from connectors.gateway import marks
from connectors.gateway.binding import Bound
from connectors.gateway.errors import DecideAgain
from connectors.gateway.marks import Deed, Mark, Past, Sources
from connectors.models import History, ToolCall
from connectors.types import Done, Kind, Outcome
from controlplane.lib import clock
from controlplane.lib.errors import LostRace
from tenants import quick

KEPT_DAYS = 400
"""Much longer than content is kept (30 days at most): whatever a run or a ticket could still say is gone by then."""

_COLUMNS = ("version", "writes", "tools", "recent", "data_classes", "touched_at")
_RAISE = (
    "ON CONFLICT (tenant_id, subject) DO UPDATE SET "
    + ", ".join(f"{name} = EXCLUDED.{name}" for name in _COLUMNS)
    + " WHERE connectors_history.version = EXCLUDED.version - 1"
)
"""A row of another version is locked, left as it is and not counted."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The history as a decision saw it. A subject without a row has version 0 and nothing done."""

    versions: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[str, Mark] = field(default_factory=dict)
    past: Past = field(default_factory=Past)

    @property
    def version(self) -> int:
        """One number for the record of the call: it grows with every dispatch in the run or about the ticket."""
        return sum(self.versions.values())


@dataclass(frozen=True, slots=True)
class Given:
    """What a run begins with: data classes, and the record that they come from, if that is known."""

    run_id: UUID
    tickets: tuple[str, ...]
    classes: frozenset[str]
    record: str = ""


def read(call: ToolCall, record: str) -> Seen:
    """In one statement, with the record that the call is about."""
    return _seen(call, _rows([*_subjects(call), *_place(record)]))


def append(call: ToolCall, bound: Bound, seen: Seen) -> None:
    """Count this dispatch, and what it may read or carry; raises DecideAgain when the history is no longer the one
    that was decided on.

    Of a dry run, only what it reads counts, and against the ticket: somebody is shown it.
    """
    raised = _raised_by(call, bound, seen)
    if _write(raised, seen.versions) != len(raised):
        raise DecideAgain(f"the history of run {call.run_id} or ticket {call.ticket} has moved")


def learn(call: ToolCall, bound: Bound, outcome: Outcome) -> None:
    """Raise the marks by what only the answer could tell, in the transaction that hands the answer out.

    Whoever wrote to the record before it was read had said so before the first byte: the mark of the record is looked
    at now, not when the read was decided.
    """
    if not isinstance(outcome, Done) or call.lane == Lane.SYSTEM:
        return
    record = bound.record if call.kind == Kind.READ else ""
    inherited = marks.together(*(mark.sources for _, mark in _rows(_place(record)).values()))
    told = classes.found(bound.draft.instance.classes, outcome.output) - classes.OPEN
    new = told | (set(inherited) - classes.OPEN)
    if new:
        marked = dict.fromkeys(_place(bound.record) if told else (), marks.brought(told, bound.record, call.tool))
        _raise({**dict.fromkeys(_subjects(call), marks.brought(new, bound.record, call.tool)), **marked})


def begin(given: Iterable[Given]) -> None:
    """Runs that begin with data of a vendor: what an event says was read by whoever sends it. Once, with the start."""
    held: dict[str, Sources] = {}
    for one in given:
        sources = marks.brought(one.classes - classes.OPEN, one.record, "trigger")
        for subject in (_run(one.run_id), *_tickets(*one.tickets)) if sources else ():
            held[subject] = marks.together(held.get(subject, {}), sources)
    _raise(held)


def forget(*, limit: int = 1000) -> int:
    """Rows of the entered tenant that nothing was added to for so long; returns how many."""
    old = History.objects.filter(touched_at__lt=clock.now() - timedelta(days=KEPT_DAYS)).order_by("touched_at")
    return History.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:limit])).delete()[0]


def _subjects(call: ToolCall) -> list[str]:
    """Messages of the platform itself have a history of their own and never void a decision about work."""
    if call.lane == Lane.SYSTEM:
        return [f"platform:{call.ticket or call.run_id}"]
    run = [] if call.dry_run else [_run(call.origin_run_id or call.run_id)]
    return [*run, *_tickets(call.ticket, call.ticket_id)]


def _run(run_id: UUID) -> str:
    return f"run:{run_id}"


def _tickets(*names: str | None) -> list[str]:
    """However they are spelt."""
    known = {(name or "").strip().casefold() for name in names}
    return [f"ticket:{name}" for name in sorted(known) if name]


def _place(record: str) -> list[str]:
    return [f"record:{record}"] if record else []


def _rows(subjects: Iterable[str]) -> dict[str, tuple[int, Mark]]:
    wanted = list(subjects)
    rows = quick.find(History, subject=wanted) if wanted else []
    return {row.subject: (row.version, marks.of_row(row)) for row in rows}


def _seen(call: ToolCall, rows: Mapping[str, tuple[int, Mark]]) -> Seen:
    own, tickets = _subjects(call), _tickets(call.ticket, call.ticket_id)
    found = {subject: mark for subject, (_, mark) in rows.items()}
    about = [found.get(subject, marks.NOTHING) for subject in tickets if subject in own]
    ticket = None
    for mark in about:
        ticket = mark if ticket is None else ticket.beside(mark)
    run = next((found.get(s, marks.NOTHING) for s in own if s not in tickets), marks.NOTHING)
    versions = {subject: rows[subject][0] if subject in rows else 0 for subject in own}
    known = {subject: version for subject, (version, _) in rows.items()}
    return Seen(MappingProxyType({**known, **versions}), found, Past(run, ticket))


def _raised_by(call: ToolCall, bound: Bound, seen: Seen) -> dict[str, Mark]:
    """The rows that this dispatch changes."""
    deed = Deed(call.tool, writes=call.kind == Kind.WRITE, first=call.attempts == 0)
    brings = marks.brought(bound.brings, bound.record, call.tool)
    own = {subject: seen.found.get(subject, marks.NOTHING).holding(brings) for subject in _subjects(call)}
    if call.dry_run:
        return {subject: mark for subject, mark in own.items() if mark != seen.found.get(subject)}
    return {**{subject: mark.after(deed) for subject, mark in own.items()}, **_left_at(call, bound, seen)}


def _left_at(call: ToolCall, bound: Bound, seen: Seen) -> dict[str, Mark]:
    """The mark of the record that is written, when it rises by what is carried there. Where that came from is no
    matter: a busy channel is marked once, not by every run that posts to it.
    """
    if call.kind != Kind.WRITE or call.lane != Lane.FORWARD:
        return {}
    left = dict.fromkeys(marks.carried(seen.past.whole.sources, bound.record), (marks.ANYWHERE,))
    before = {subject: seen.found.get(subject, marks.NOTHING) for subject in _place(bound.record)}
    after = {subject: mark.holding(left) for subject, mark in before.items()}
    return {subject: mark for subject, mark in after.items() if mark != before[subject]}


def _raise(held: Mapping[str, Sources]) -> None:
    """Until nobody was faster; by the second time the rows are locked, so the second time is the last."""
    for _ in range(3):
        rows = _rows(held)
        before = {subject: rows.get(subject, (0, marks.NOTHING)) for subject in held}
        after = {subject: mark.holding(held[subject]) for subject, (_, mark) in before.items()}
        raised = {subject: mark for subject, mark in after.items() if mark != before[subject][1]}
        if _write(raised, {subject: version for subject, (version, _) in before.items()}) == len(raised):
            return
    raise LostRace(f"the histories of {', '.join(sorted(held))} do not hold still")


def _write(raised: Mapping[str, Mark], versions: Mapping[str, int]) -> int:
    """How many of the rows still had the version that they were read with."""
    now = clock.now()
    rows = [
        History(subject=subject, version=versions.get(subject, 0) + 1, touched_at=now, **marks.stored(mark))
        for subject, mark in sorted(raised.items())
    ]
    return quick.insert(rows, on_conflict=_RAISE)
