"""What is looked for among decisions: one vocabulary for the console, `/v1` and the command line.

Ids are UUIDv7, so a range of time is a range of ids: every search walks an index from the newest down.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from controlplane.lib import ids
from controlplane.lib.errors import Invalid
from policies import canary
from policies.models import DecisionReason, DecisionRecord
from policies.types import Effect

TEXTS = ("rule", "code", "tool", "workflow")
SUBJECTS = ("run", "actor")
TIMES = ("since", "until")
NAMES = ("effect", "environment", *TEXTS, *SUBJECTS, *TIMES)
"""The names of the filters, as a URL carries them."""

_APART = timedelta(seconds=2)
"""How far the time in an id may be from that of its decision: both are read one after the other."""

_COLUMNS = {"run": "run_id", "actor": "actor_id"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Effects and environments: any of them; everything else at once. `until` itself is not in the range.

    `environments` are ids or slugs. `rule` and `code` are of one and the same reason.
    """

    effects: tuple[Effect, ...] = ()
    environments: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    subjects: Mapping[str, UUID] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def read(cls, given: Mapping[str, Iterable[str]]) -> "Wanted":
        """From lists of texts by name, as a query string has them; blank ones are none. Raises Invalid."""
        told = {name: [text.strip() for text in given.get(name, ()) if text.strip()] for name in NAMES}
        single = {name: texts[0] for name, texts in told.items() if texts}
        since, until = (_moment(single.get(name, ""), name) for name in TIMES)
        if since and until and since >= until:
            raise Invalid("the time range ends before it begins", field="until")
        return cls(
            effects=tuple(_effect(text) for text in told["effect"]),
            environments=tuple(told["environment"]),
            texts={name: single[name] for name in TEXTS if name in single},
            subjects={name: _id(single[name], name) for name in SUBJECTS if name in single},
            since=since,
            until=until,
        )


def among(rows: QuerySet[DecisionRecord], wanted: Wanted, environment_ids: list[UUID]) -> QuerySet[DecisionRecord]:
    """The rows that are wanted; `environment_ids` are those that `wanted.environments` names.

    Those of the canary, one a minute, are shown to whoever asks for its workflow or tool.
    """
    texts = dict(wanted.texts)
    reason = {name: texts.pop(name) for name in ("rule", "code") if name in texts}
    if wanted.effects:
        rows = rows.filter(effect__in=wanted.effects)
    if wanted.environments:
        rows = rows.filter(environment_id__in=environment_ids)
    if reason:
        rows = rows.filter(pk__in=DecisionReason.objects.filter(**reason).values("decision_id"))
    if not {"workflow", "tool"} & texts.keys():
        rows = rows.exclude(workflow=canary.WORKFLOW)
    rows = rows.filter(**texts, **{_COLUMNS[name]: value for name, value in wanted.subjects.items()})
    return rows.filter(_range(wanted.since, wanted.until))


def _range(since: datetime | None, until: datetime | None) -> Q:
    """By time, and by the ids of about that time: those are what is indexed."""
    found = Q()
    if since:
        found &= Q(decided_at__gte=since, pk__gte=ids.from_time(since - _APART))
    if until:
        found &= Q(decided_at__lt=until, pk__lt=ids.from_time(until + _APART))
    return found


def _effect(text: str) -> Effect:
    try:
        return Effect(text)
    except ValueError:
        raise Invalid(f"effect is one of {', '.join(Effect)}", field="effect") from None


def _id(text: str, name: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(f"{name} is an id such as 0190f7a0-0000-7000-8000-000000000000", field=name) from None


def _moment(text: str, name: str) -> datetime | None:
    """A time of RFC 3339, also as a browser's form sends it; without a zone it is UTC."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{name} is a time such as 2026-11-21T03:00:00Z", field=name) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
