"""What is looked for in the record: one vocabulary for the console, `/v1` and the command line.

Ids are UUIDv7, so a range of time is a range of ids. Who acted is a column that the database takes from the beginning
of the signed bytes itself: nobody writes it, so it cannot say something else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from controlplane.lib import ids
from controlplane.lib.errors import Invalid
from evidence.models import Event
from tenants import scope

NAMES = ("ticket", "run", "actor", "log", "since", "until")
"""The names of the filters, as a URL carries them."""

_APART = timedelta(seconds=2)
"""How far the time in an id may be from that of its event: both are read one after the other."""

_SQL = """
SELECT found.* FROM unnest(%(logs)s::uuid[]) AS log(id), LATERAL (
  SELECT * FROM evidence_event AS event
  WHERE event.tenant_id = %(tenant)s AND event.log_id = log.id {filters}
  ORDER BY event.id DESC LIMIT %(limit)s) AS found
ORDER BY found.id DESC LIMIT %(limit)s
"""
_FILTERS = {
    "before": "event.id < %(before)s",
    "runs": "event.run_id = ANY(%(runs)s::uuid[])",
    "acted": "event.acted = %(acted)s",
    "since": "event.id >= %(since)s",
    "until": "event.id < %(until)s",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of it at once; `until` itself is not in the range. `runs` are what a `ticket` means to who knows runs."""

    ticket: str = ""
    runs: tuple[UUID, ...] | None = None
    actor: str = ""
    log: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def read(cls, given: Mapping[str, Iterable[str]]) -> "Wanted":
        """From lists of texts by name, as a query string has them; blank ones are none. Raises Invalid."""
        single = {name: text.strip() for name in NAMES for text in list(given.get(name, ()))[:1] if text.strip()}
        since, until = (_moment(single.get(name, ""), name) for name in ("since", "until"))
        if since and until and since >= until:
            raise Invalid("the time range ends before it begins", field="until")
        run, log = (_id(single.get(name, ""), name) for name in ("run", "log"))
        ticket, actor = single.get("ticket", ""), single.get("actor", "")
        return cls(ticket, (run,) if run else None, actor, log, since, until)


def rows(wanted: Wanted, logs: Sequence[UUID], actor: UUID | None, before: UUID | None, limit: int) -> list[Event]:
    """Events of these logs, newest first. One walk down an index per log."""
    given = {
        "before": before,
        "runs": None if wanted.runs is None else list(wanted.runs),
        "acted": None if actor is None else str(actor).encode(),
        "since": wanted.since and ids.from_time(wanted.since - _APART),
        "until": wanted.until and ids.from_time(wanted.until + _APART),
    }
    filters = "".join(f" AND {_FILTERS[name]}" for name, value in given.items() if value is not None)
    values = {"logs": list(logs), "tenant": scope.current(), "limit": limit, **given}
    return list(Event.objects.raw(_SQL.replace("{filters}", filters), values))


def _id(text: str, name: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise Invalid(f"{name} is an id", field=name) from error


def _moment(text: str, name: str) -> datetime | None:
    """A time with an offset, or in UTC."""
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid(f"{name} is a time such as 2026-11-21T10:00:00Z", field=name) from error
    return at.replace(tzinfo=UTC) if at and at.tzinfo is None else at
