"""Recorded decisions, decided again under the bundle that made them and under a candidate, in a child of its own."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from controlplane.lib import clock
from policies import authoring, canary, contract, impact
from policies.bundles import ROOT
from policies.controls import FAR_NS, Controls, recorded_program
from policies.engine import workshop
from policies.engine.pool import LOAD_S, loading
from policies.engine.process import EvaluatorProcess, Refusal
from policies.engine.protocol import DECISION_ENTRYPOINT, PointFailure, Program
from policies.engine.workshop import Purpose
from policies.impact import Gap, Impact, Past
from policies.models import DecisionRecord, Standing
from policies.types import Effect, PackSource, Verdict
from tenants import payloads

BATCH = 200
AT_ONCE = 50
TOGETHER_S, EVALUATION_S = 5.0, 1.0
KILLS = 4
"""So often a program may end its evaluator in one slice (once for many at once); then it counts as failing."""
PEP_RULE = "interlock.pep"
_TRIAL = {"revision": "trial", "seq": 1, "issued_ns": 0, "not_after_ns": FAR_NS}


Document = Mapping[str, Any]
Row = tuple[DecisionRecord, dict[str, Any] | None]


class Trial:
    """A confined evaluator for programs that decide nothing; replaced when a program kills it."""

    def __init__(self) -> None:
        self._process: EvaluatorProcess | None = None
        self._held: frozenset[str] = frozenset()
        self._kills: Counter[str] = Counter()

    def decide(self, program: Program, documents: Sequence[Document]) -> list[Verdict | None]:
        """For each document the verdict, None where there is no answer that a gateway would accept."""
        found: list[Verdict | None] = []
        for start in range(0, len(documents), AT_ONCE):
            found += self._few(program, documents[start : start + AT_ONCE])
        return found

    def _few(self, program: Program, documents: Sequence[Document]) -> list[Verdict | None]:
        """Together; after a failure one by one, so that it costs only the documents that it is about."""
        try:
            return self._asked(program, documents, TOGETHER_S)
        except PointFailure:
            return [self._alone(program, document) for document in documents]

    def _alone(self, program: Program, document: Document) -> Verdict | None:
        try:
            return self._asked(program, [document], EVALUATION_S)[0]
        except PointFailure:
            return None

    def _asked(self, program: Program, documents: Sequence[Document], deadline_s: float) -> list[Verdict | None]:
        if self._kills[program.key] >= KILLS:
            return [None] * len(documents)
        common = {"verb": "evaluate_many", "key": program.key, "entrypoint": DECISION_ENTRYPOINT}
        try:
            child = self._child(program)
            answers = child.ask({**common, "documents": [dict(d) for d in documents]}, deadline_s=deadline_s)
        except Refusal:
            return [None] * len(documents)
        except PointFailure:
            self._kills[program.key] += 1
            raise
        return [_verdict(program, *pair) for pair in zip(documents, answers, strict=True)]

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._process, self._held = None, frozenset()

    def _child(self, program: Program) -> EvaluatorProcess:
        if self._process is None or not self._process.alive:
            self.close()
            self._process = workshop.start(confined_only=settings.INTERLOCK_PRODUCTION)
        if program.key not in self._held:
            held = self._process.ask(loading(program, DECISION_ENTRYPOINT), deadline_s=LOAD_S)
            self._held = frozenset(held)
        return self._process


def _verdict(program: Program, document: Document, answer: Mapping[str, Any]) -> Verdict | None:
    told = program.data[ROOT]["bundle"]
    asked = str(document.get("request_id", ""))
    try:
        phase = contract.phase_of(document)
        return contract.read_decision(
            answer.get("value", {}), request_id=asked, revision=told["revision"], seq=told["seq"], phase=phase
        )
    except PointFailure:
        return None


@contextmanager
def trial() -> Iterator[Trial]:
    made = Trial()
    with workshop.place(Purpose.SIMULATION):
        try:
            yield made
        finally:
            made.close()


def candidate(packs: Mapping[str, PackSource]) -> Program:
    """The program of packs that are not published."""
    inner = {**authoring.data(packs), "bundle": _TRIAL}
    return Program("candidate", authoring.modules(packs), {ROOT: inner})


@dataclass(frozen=True, slots=True)
class Selection:
    """The newest `most` decisions of an environment in a time range."""

    environment_id: UUID
    since: datetime
    until: datetime
    most: int


@dataclass
class Backtest:
    """Where a simulation stands. `cursor`: the last decision that was weighed; `done`: how many were."""

    impact: Impact
    cursor: UUID | None = None
    done: int = 0
    over: bool = False

    def advance(
        self, selection: Selection, program: Program, *, seconds: float, standing: "Today | None" = None
    ) -> None:
        """Weigh batch after batch until the time is up or all is done; also against what `standing` says today."""
        until, controls = clock.monotonic() + seconds, Controls()
        with trial() as evaluator:
            while not self.over and clock.monotonic() < until:
                rows = _batch(selection, self.cursor, min(BATCH, selection.most - self.done))
                _weigh(self.impact, evaluator, controls, program, rows, standing)
                self.done += len(rows)
                self.cursor = rows[-1][0].pk if rows else self.cursor
                self.over = not rows or self.done >= selection.most


@dataclass(frozen=True, slots=True)
class Today:
    """The program of the bundle that is active now."""

    sha256: str
    program: Program


@transaction.atomic
def standing_of(environment_id: UUID) -> Today | None:
    """What is active in an environment; None without a policy or when it is not believed."""
    row = Standing.objects.select_related("activation__bundle").filter(environment_id=environment_id).first()
    program = recorded_program(row.activation.bundle.sha256, row.seq) if row else None
    return Today(row.activation.bundle.sha256, program) if row and program else None


@transaction.atomic
def _batch(selection: Selection, before: UUID | None, size: int) -> list[Row]:
    rows = DecisionRecord.objects.filter(
        environment_id=selection.environment_id, decided_at__gte=selection.since, decided_at__lt=selection.until
    )
    rows = rows.exclude(workflow=canary.WORKFLOW)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[:size])
    contents = payloads.get_many([row.input_digest for row in found]) if found else {}
    return [(row, _input(row, contents)) for row in found]


def _input(row: DecisionRecord, contents: Mapping[str, bytes]) -> dict[str, Any] | None:
    """None when it is no longer kept."""
    content = contents.get(row.input_digest)
    return None if content is None else json.loads(content)


Kept = tuple[DecisionRecord, Past, Document]


def _weigh(
    found: Impact,
    evaluator: Trial,
    controls: Controls,
    program: Program,
    rows: Sequence[Row],
    standing: Today | None,
) -> None:
    """The control run first: what cannot be reproduced proves nothing."""
    kept = _reproduced(found, evaluator, controls, rows)
    verdicts = evaluator.decide(program, [document for _, _, document in kept])
    today = _today(evaluator, kept, standing) if standing else {}
    for (row, past, _), verdict in zip(kept, verdicts, strict=True):
        found.weigh(past, verdict)
        if standing:
            found.weigh_against(today.get(row.pk, past), verdict)


def _today(evaluator: Trial, kept: Sequence[Kept], standing: Today) -> dict[UUID, Past]:
    """What the active bundle says to what others decided; what it decided itself is known."""
    others = [(row, past, document) for row, past, document in kept if row.bundle_sha256 != standing.sha256]
    verdicts = evaluator.decide(standing.program, [document for _, _, document in others])
    return {row.pk: past.now(verdict) for (row, past, _), verdict in zip(others, verdicts, strict=True)}


def _reproduced(found: Impact, evaluator: Trial, controls: Controls, rows: Sequence[Row]) -> list[Kept]:
    """What came out as recorded under the bundle that decided, in the order of the rows; the rest is left out."""
    again: dict[UUID, Verdict | None] = {}
    covered: list[tuple[DecisionRecord, Document]] = []
    for control, group in _by_control(found, controls, rows):
        covered += group
        verdicts = evaluator.decide(control, [document for _, document in group])
        again |= {row.pk: verdict for (row, _), verdict in zip(group, verdicts, strict=True)}
    kept: list[Kept] = []
    for row, document in sorted(covered, key=lambda pair: pair[0].pk, reverse=True):
        past, verdict = _past(row, document), again[row.pk]
        if verdict is None or not past.agrees(verdict):
            found.leave_out(Gap.NOT_REPRODUCED)
        else:
            kept.append((row, past, document))
    return kept


def _by_control(
    found: Impact, controls: Controls, rows: Sequence[Row]
) -> list[tuple[Program, list[tuple[DecisionRecord, Document]]]]:
    grouped: dict[str, tuple[Program, list[tuple[DecisionRecord, Document]]]] = {}
    for row, document in rows:
        gap = _gap(row, document)
        control = None if gap else controls.of(row)
        if gap or control is None or document is None:
            found.leave_out(gap or Gap.NO_BUNDLE)
        else:
            grouped.setdefault(control.key, (control, []))[1].append((row, document))
    return list(grouped.values())


def _gap(row: DecisionRecord, document: dict[str, Any] | None) -> Gap | None:
    if not row.bundle_sha256 or any(reason["rule"] == PEP_RULE for reason in row.reasons):
        return Gap.NO_POLICY
    return Gap.EXPIRED if document is None else None


def _past(row: DecisionRecord, document: Mapping[str, Any]) -> Past:
    resource = document.get("resource", {})
    return Past(
        id=str(row.pk),
        tool=row.tool,
        workflow=row.workflow,
        risk=str(resource.get("risk", "")),
        effect=Effect(row.effect),
        reasons=frozenset(f"{reason['rule']}: {reason['code']}" for reason in row.reasons),
        terms=impact.terms(row.obligations, row.route, row.retry_after_s),
    )
