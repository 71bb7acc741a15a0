"""Recorded decisions, decided again under the bundle that made them and under a candidate, in a child of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from controlplane.lib import clock
from policies import authoring, bundles, contract, impact, point
from policies.bundles import ROOT
from policies.engine import embedded
from policies.engine.process import EvaluatorProcess, Refusal
from policies.engine.protocol import DECISION_ENTRYPOINT, PointFailure, Program
from policies.errors import BundleInvalid
from policies.impact import Gap, Impact, Past
from policies.models import Bundle, DecisionRecord
from policies.types import Effect, PackSource, Verdict
from tenants import payloads
from tenants.errors import PayloadExpired

BATCH = 200
EVALUATION_S = 1.0
LOAD_S = 10.0
FAR_NS = 1 << 62
"""A trial never expires: that a bundle was fresh is not what is asked here."""

PEP_RULE = "interlock.pep"
_TRIAL = {"revision": "trial", "seq": 1, "issued_ns": 0, "not_after_ns": FAR_NS}


class Trial:
    """A confined evaluator for programs that decide nothing; replaced when a program kills it."""

    def __init__(self) -> None:
        self._process: EvaluatorProcess | None = None
        self._held: set[str] = set()

    def decide(self, program: Program, document: Mapping[str, Any]) -> Verdict | None:
        """None when there is no answer that a gateway would accept."""
        try:
            answer = self._child(program).ask(_question(program, document), deadline_s=EVALUATION_S)
            if not isinstance(answer, dict):
                return None
            told = program.data[ROOT]["bundle"]
            asked = str(document.get("request_id", ""))
            return contract.read_decision(answer, request_id=asked, revision=told["revision"], seq=told["seq"])
        except Refusal:
            return None
        except PointFailure as failure:
            if failure.code != "bad_decision":
                self.close()
            return None

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._process, self._held = None, set()

    def _child(self, program: Program) -> EvaluatorProcess:
        if self._process is None or not self._process.alive:
            self.close()
            self._process = embedded.start(confined_only=settings.INTERLOCK_PRODUCTION)
        if program.key not in self._held:
            load = {"verb": "load", "modules": dict(program.modules), "data": dict(program.data)}
            self._process.ask({**load, "key": program.key, "entrypoint": DECISION_ENTRYPOINT}, deadline_s=LOAD_S)
            self._held.add(program.key)
        return self._process


@contextmanager
def trial() -> Iterator[Trial]:
    made = Trial()
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

    def advance(self, selection: Selection, program: Program, *, seconds: float) -> None:
        """Weigh batch after batch until the time is up or all is done."""
        until, controls = clock.monotonic() + seconds, _Controls()
        with trial() as evaluator:
            while not self.over and clock.monotonic() < until:
                rows = _batch(selection, self.cursor, min(BATCH, selection.most - self.done))
                for row, document in rows:
                    _weigh(self.impact, evaluator, controls, program, row, document)
                self.done += len(rows)
                self.cursor = rows[-1][0].pk if rows else self.cursor
                self.over = not rows or self.done >= selection.most


Row = tuple[DecisionRecord, dict[str, Any] | None]


@transaction.atomic
def _batch(selection: Selection, before: UUID | None, size: int) -> list[Row]:
    rows = DecisionRecord.objects.filter(
        environment_id=selection.environment_id, decided_at__gte=selection.since, decided_at__lt=selection.until
    )
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return [(row, _input(row)) for row in rows.order_by("-pk")[:size]]


def _input(row: DecisionRecord) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = payloads.get_json(row.input_digest)
    except PayloadExpired:
        return None
    return found


def _weigh(
    found: Impact,
    evaluator: Trial,
    controls: "_Controls",
    program: Program,
    row: DecisionRecord,
    document: dict[str, Any] | None,
) -> None:
    """The control run first: what cannot be reproduced proves nothing."""
    gap = _gap(row, document)
    control = None if gap else controls.of(row)
    if gap or control is None or document is None:
        found.leave_out(gap or Gap.NO_BUNDLE)
        return
    past, again = _past(row, document), evaluator.decide(control, document)
    if again is None or not past.agrees(again):
        found.leave_out(Gap.NOT_REPRODUCED)
        return
    found.weigh(past, evaluator.decide(program, document))


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


class _Controls:
    """The programs that decided, by bundle and number, opened once each."""

    def __init__(self) -> None:
        self._programs: dict[tuple[str, int], Program | None] = {}

    def of(self, row: DecisionRecord) -> Program | None:
        key = (row.bundle_sha256, row.seq)
        if key not in self._programs:
            self._programs[key] = _recorded_program(*key)
        return self._programs[key]


@transaction.atomic
def _recorded_program(sha256: str, seq: int) -> Program | None:
    bundle = Bundle.objects.filter(sha256=sha256).first()
    if bundle is None:
        return None
    try:
        contents = bundles.open_verified(bytes(bundle.content), keys=point.keyring().trusted())
    except BundleInvalid:
        return None
    told = {"revision": contents.revision, "seq": seq, "issued_ns": 0, "not_after_ns": FAR_NS}
    inner = {**dict(contents.data).get(ROOT, {}), "bundle": told}
    return Program(f"control {sha256}:{seq}", contents.modules, {ROOT: inner})


def _question(program: Program, document: Mapping[str, Any]) -> dict[str, Any]:
    common = {"verb": "evaluate", "key": program.key, "entrypoint": DECISION_ENTRYPOINT}
    return {**common, "document": dict(document)}
