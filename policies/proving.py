"""R2 of an environment: its decisions, newest first, decided again and compared with the record bit for bit."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

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

    def add(self, found: Again) -> None:
        self.counts[found.outcome.value] += 1
        if found.outcome is Outcome.DIFFERS and self.first is None and found.verdict is not None:
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
    with backtest.trial() as evaluator:
        while (left := most - sum(proof.counts.values())) > 0 and clock.monotonic() < stop:
            pasts = _batch(environment_id, since, until, proof.cursor, min(left, BATCH))
            for found in redeciding.again(evaluator, [past for _, past in pasts], programs.of):
                proof.add(found)
            proof.cursor = pasts[-1][0] if len(pasts) == min(left, BATCH) else None
            if proof.cursor is None:
                return proof
    if sum(proof.counts.values()) >= most:
        proof.cursor = None
    return proof


class _Programs:
    """Bundles of the tenant, each read and opened once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], Program | None] = {}

    def of(self, sha256: str, seq: int) -> Program | None:
        if (sha256, seq) not in self._known:
            self._known[sha256, seq] = recorded_program(sha256, seq)
        return self._known[sha256, seq]


@transaction.atomic
def _seen(environment_id: UUID, actor: Actor) -> None:
    environment = Environment.objects.filter(pk=environment_id).first()
    if environment is None or not holds(actor, Perm.VIEW, environment.workspace_id):
        raise NotFound
    require(actor, Perm.EXPORT_EVIDENCE, environment.workspace_id)


@transaction.atomic
def _batch(
    environment_id: UUID, since: datetime | None, until: datetime | None, before: UUID | None, size: int
) -> Sequence[tuple[UUID, Past]]:
    rows = DecisionRecord.objects.filter(environment_id=environment_id)
    bounds = {"decided_at__gte": since, "decided_at__lt": until, "pk__lt": before}
    rows = rows.filter(**{name: value for name, value in bounds.items() if value is not None})
    found = list(rows.order_by("-pk").values_list("pk", "evidence_id", "input_digest")[:size])
    digests = sorted({digest for _, _, digest in found if digest})
    inputs = payloads.get_many(digests) if digests else {}
    events = opening.by_id([evidence_id for _, evidence_id, _ in found])
    return [(pk, Past.told(events[evidence_id].data, inputs.get(digest))) for pk, evidence_id, digest in found]
