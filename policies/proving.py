"""R2 of an environment: its decisions, newest first, decided again and compared with the record bit for bit."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from controlplane.lib import clock
from controlplane.lib.errors import Invalid, NotFound
from evidence import opening
from policies import backtest, redeciding
from policies.controls import recorded_program
from policies.engine.protocol import Program
from policies.models import DecisionRecord
from policies.redeciding import UNCOVERED, Again, Outcome, Past
from tenants import payloads
from tenants.actors import Actor
from tenants.models import Environment
from tenants.permissions import Perm, holds, require

BATCH = 500
MOST = 100_000
SLICE_S = 15.0
"""A request answers in time; the caller asks for the next slice."""


@dataclass
class Proof:
    """`counts` by outcome; `first`: the newest decision that came out otherwise; `cursor`: where the next slice goes
    on, None when this was the last one."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, Any] | None = None
    cursor: UUID | None = None

    @property
    def verdict(self) -> str:
        if self.first is not None:
            return "DIVERGED"
        covered = not any(self.counts[outcome.value] for outcome in UNCOVERED)
        return "SAME" if covered else "NOT_COVERED"

    def add(self, page: Sequence[Again]) -> None:
        self.counts.update(each.outcome.value for each in page)
        found = next((each for each in page if each.outcome is Outcome.DIFFERS), None)
        if found is not None and found.verdict is not None and self.first is None:
            told = {"effect": found.verdict.effect.value, "codes": [reason.code for reason in found.verdict.reasons]}
            self.first = {"decision": found.past.id, "effect": found.past.effect, "codes": list(found.past.codes)}
            self.first["again"] = told

    def document(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "decisions": sum(self.counts.values()),
            "counts": dict(sorted(self.counts.items())),
            "first": self.first,
            "cursor": str(self.cursor) if self.cursor else None,
        }


def decide_again(
    *,
    environment_id: UUID,
    actor: Actor,
    since: datetime | None = None,
    until: datetime | None = None,
    before: UUID | None = None,
    most: int = 10_000,
    seconds: float = SLICE_S,
) -> Proof:
    """Decide up to `most` decisions again, as many as the time allows, from `before` (a cursor) on back.

    Needs EXPORT_EVIDENCE in the workspace; raises NotFound. Nothing is changed.
    """
    if not 1 <= most <= MOST:
        raise Invalid(f"1 to {MOST} decisions", field="most")
    _seen(environment_id, actor)
    proof, stop, programs = Proof(cursor=before), clock.monotonic() + seconds, _Programs()
    pages = _pages(_Window(environment_id, since, until), programs, before, most)
    page = next(pages, None)
    with backtest.trial() as evaluator, ThreadPoolExecutor(1) as beside:
        while page and clock.monotonic() < stop:
            deciding = beside.submit(redeciding.again, evaluator, page.pasts, programs.known)
            following = next(pages, None)
            proof.add(deciding.result())
            proof.counts.update([Outcome.NO_RECORD.value] * page.pruned)
            proof.cursor = page.last if following else None
            page = following
    return proof


class _Programs:
    """Bundles of the tenant, each read and opened once: before the evaluator is asked, in a thread without database."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], Program | None] = {}

    def read(self, pasts: Sequence[Past]) -> None:
        for name in {(past.bundle_sha256, past.seq) for past in pasts if past.bundle_sha256} - set(self._known):
            self._known[name] = recorded_program(*name)

    def known(self, sha256: str, seq: int) -> Program | None:
        return self._known.get((sha256, seq))


@dataclass(frozen=True, slots=True)
class _Window:
    environment_id: UUID
    since: datetime | None
    until: datetime | None

    def before(self, last: UUID | None) -> QuerySet[DecisionRecord]:
        bounds = {"decided_at__gte": self.since, "decided_at__lt": self.until, "pk__lt": last}
        rows = DecisionRecord.objects.filter(environment_id=self.environment_id)
        return rows.filter(**{name: value for name, value in bounds.items() if value is not None}).order_by("-pk")


@dataclass(frozen=True, slots=True)
class _Page:
    """`pruned`: decisions whose events are no longer there."""

    pasts: list[Past]
    pruned: int
    last: UUID


def _pages(window: _Window, programs: _Programs, last: UUID | None, most: int) -> Iterator[_Page]:
    """Up to `most` decisions; the next page is read while the evaluator is at the one before it."""
    size = BATCH
    while most > 0 and size == BATCH:
        page = _page(window, last, min(most, BATCH))
        if page is None:
            return
        programs.read(page.pasts)
        yield page
        size, last = len(page.pasts) + page.pruned, page.last
        most -= size


@transaction.atomic
def _seen(environment_id: UUID, actor: Actor) -> None:
    environment = Environment.objects.filter(pk=environment_id).first()
    if environment is None or not holds(actor, Perm.VIEW, environment.workspace_id):
        raise NotFound
    require(actor, Perm.EXPORT_EVIDENCE, environment.workspace_id)


@transaction.atomic
def _page(window: _Window, last: UUID | None, size: int) -> _Page | None:
    found = list(window.before(last).values_list("pk", "evidence_id", "input_digest")[:size])
    digests = sorted({digest for _, _, digest in found if digest})
    inputs = payloads.get_many(digests) if digests else {}
    events = opening.by_id([evidence_id for _, evidence_id, _ in found])
    told = [(events.get(evidence_id), inputs.get(digest)) for _, evidence_id, digest in found]
    pasts = [Past.told(event.data, given) for event, given in told if event is not None]
    return _Page(pasts, len(found) - len(pasts), found[-1][0]) if found else None
