"""Steps, played in the order of their needs on rows that exist in memory only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import transaction

from connectors import gateway
from connectors.calls import CallSpec, CallState
from connectors.gateway.examination import Examination
from connectors.gateway.marks import Deed, Mark
from connectors.types import Kind
from controlplane.lib import clock
from controlplane.lib.errors import DomainError
from policies.services import decide_many
from policies.types import Effect
from workflows import starting
from workflows.definition.expressions import steps_named
from workflows.definition.graph import order_of
from workflows.definition.model import StepKind
from workflows.engine import kinds, loops, permits
from workflows.engine.arguments import filled, wanted
from workflows.engine.outward import spec_of
from workflows.engine.work import Work
from workflows.errors import DryRunTooLong
from workflows.models import Step
from workflows.pinned import pinned
from workflows.rehearsal.types import DONE, STOPS, WOULD_SEND, Scene, Would
from workflows.types import StepState

MOST_CALLS = 100
"""A request waits for the answer."""

_EFFECTS: Mapping[Effect, Would] = MappingProxyType(
    {
        Effect.ALLOW: Would.PROPOSED,
        Effect.REQUIRE_HITL: Would.ASKS,
        Effect.REQUIRE_STEP_UP: Would.ASKS,
        Effect.THROTTLE: Would.HELD,
        Effect.DENY: Would.DENIED,
        Effect.ROUTE: Would.DENIED,
    }
)
"""ROUTE is what is left of a route that leads back: the gateway denies it."""


def rows_of(order: starting.Order) -> Work:
    """Rows that exist in memory only: no engine can take them up. Needs an open transaction, and what the steps are
    evaluated with is read here: they are played outside of it."""
    run, steps = starting.sketch(order)
    work = Work(run, {step.key: step for step in steps}, clock.now(), {run.trigger_digest: order.trigger})
    work.decide = decide_many
    pinned(run.version_id)
    return work


@dataclass
class Stage:
    """`open`: steps whose output only a real run has; `stopped`: steps that a real run would not get past.
    `runs` and `looked_at`: under which ids calls were made, and the calls, those of sub-runs included.
    """

    work: Work
    with_model: bool
    prefix: str = ""
    planned: Mark = field(default_factory=Mark)
    open: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    runs: list[UUID] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)

    def play(self) -> list[Scene]:
        """Every step once, each after all it needs."""
        self.runs.append(self.work.run.pk)
        return [scene for key in order_of(self.work.definition.needs) for scene in self._step(self.work.steps[key])]

    def _step(self, step: Step) -> list[Scene]:
        spec = self.work.spec(step)
        if behind := sorted(spec.needs & self.stopped):
            return self._settled(step, [self._scene(step, Would.NOT_REACHED, depends_on=behind)])
        if missing := sorted(steps_named(spec.expressions) & self.open):
            return self._settled(step, [self._scene(step, Would.DEPENDS, depends_on=missing)])
        return self._settled(step, self._acted(step))

    def _acted(self, step: Step) -> list[Scene]:
        try:
            if not wanted(self.work, step):
                step.state = StepState.SKIPPED
                return [self._scene(step, Would.SKIPPED)]
            if refused := self._refused(step):
                return [refused]
            return self._loop(step) if step.parallel is not None else _KINDS[StepKind(step.kind)](self, step)
        except DomainError as error:
            return [self._scene(step, Would.FAILS, code=error.code, detail=error.detail)]

    def _refused(self, step: Step) -> Scene | None:
        """What a real run would hear when the step begins."""
        if not permits.asks(self.work):
            return None
        with transaction.atomic():
            permit = permits.may_run(self.work, step)
        if permit.allowed:
            return None
        would = Would.HELD if permit.wait_s else Would.DENIED
        return self._scene(step, would, code="policy_denied", detail=permit.words)

    def _settled(self, step: Step, scenes: list[Scene]) -> list[Scene]:
        """What the steps after this one may count on."""
        found = {scene.would for scene in scenes}
        if found & STOPS and step.continues:
            step.state = StepState.FAILED
        elif found & STOPS:
            self.stopped.add(step.key)
        elif not found <= DONE or step.state not in {StepState.SUCCEEDED, StepState.SKIPPED}:
            self.open.add(step.key)
        return scenes

    def _loop(self, loop: Step) -> list[Scene]:
        """One scene for the loop and one or more per item; its output is the list of theirs."""
        items = loops.unrolled(self.work, loop)
        self.work.steps |= {item.key: item for item in items}
        played = [self._item(item) for item in items]
        if all(item.state == StepState.SUCCEEDED for item in items):
            self._has(loop, [self.work.content(item.output_digest) for item in items])
        head = self._scene(loop, Would.LOOPS, detail=f"{len(items)} items")
        return [head, *(scene for scenes in played for scene in scenes)]

    def _item(self, item: Step) -> list[Scene]:
        """One item may fail where another does not."""
        try:
            return [refused] if (refused := self._refused(item)) else _KINDS[StepKind(item.kind)](self, item)
        except DomainError as error:
            return [self._scene(item, Would.FAILS, code=error.code, detail=error.detail)]

    def _call(self, step: Step) -> list[Scene]:
        if len(self.looked_at) >= MOST_CALLS:
            raise DryRunTooLong(f"{MOST_CALLS} calls have been looked at: try it with fewer items")
        self.looked_at.append(self._name(step))
        spec = spec_of(self.work, step)
        seen = gateway.examine(spec=spec, actor=self.work.starter, planned=self.planned)
        scene = self._judged(step, spec, seen)
        if scene.would in DONE | WOULD_SEND:
            self._plan(spec, seen)
        return [scene]

    def _judged(self, step: Step, spec: CallSpec, seen: Examination) -> Scene:
        if seen.effect is None:
            return self._scene(step, Would.FAILS, code=seen.code, detail=seen.detail, seen=seen)
        really = seen.kind is Kind.READ or (seen.kind is Kind.MODEL and self.with_model)
        if really and seen.goes_ahead:
            return self._done(step, spec, seen)
        return self._scene(step, _EFFECTS[seen.effect], seen=seen)

    def _done(self, step: Step, spec: CallSpec, seen: Examination) -> Scene:
        """A read, or a model that was to be asked: made for real, as a call of the dry run."""
        proposed = gateway.propose(spec=replace(spec, dry_run=True), actor=self.work.starter)
        status = gateway.advance(call_id=proposed.call_id, actor=self.work.engine)
        if status.state is not CallState.SUCCEEDED or status.output is None:
            code = status.code or status.state.value.lower()
            return self._scene(step, Would.FAILS, code=code, detail=status.detail, seen=seen)
        self._has(step, status.output)
        return self._scene(step, Would.READ if seen.kind is Kind.READ else Would.ASKED, seen=seen)

    def _compute(self, step: Step) -> list[Scene]:
        self._has(step, filled(self.work, step))
        return [self._scene(step, Would.COMPUTED)]

    def _wait(self, step: Step) -> list[Scene]:
        """Time is not waited for; the steps after the timer are played as of now."""
        with transaction.atomic():
            due = kinds.time_of(self.work, step)
        self._has(step, {})
        return [self._scene(step, Would.WAITS, detail=f"until {due.isoformat(timespec='seconds')}")]

    def _sub_run(self, step: Step) -> list[Scene]:
        """The steps of the other workflow, played as part of this dry run."""
        with transaction.atomic():
            inner = rows_of(kinds.order_of(self.work, step, filled(self.work, step)))
        run = inner.run
        run.step_rules = self.work.run.step_rules
        prefix = f"{self._name(step)}/"
        inside = replace(self, work=inner, prefix=prefix, open=set(), stopped=set())
        scenes = inside.play()
        self.planned = inside.planned
        about = f"{run.workflow_name} {run.workflow_version}"
        return [self._scene(step, Would.STARTS, detail=about), *scenes]

    def _plan(self, spec: CallSpec, seen: Examination) -> None:
        """Later decisions count what would have been done before them."""
        deed = Deed(spec.tool, writes=seen.kind is Kind.WRITE)
        self.planned = self.planned.after(deed).holding(seen.sources)

    def _has(self, step: Step, output: Any) -> None:
        step.state, step.output_digest = StepState.SUCCEEDED, self.work.keep(output)

    def _scene(self, step: Step, would: Would, **more: Any) -> Scene:
        return Scene(id=self._name(step), kind=step.kind, tool=step.tool, would=would, **more)

    def _name(self, step: Step) -> str:
        return f"{self.prefix}{step.key}"


_KINDS: Mapping[StepKind, Callable[[Stage, Step], list[Scene]]] = MappingProxyType(
    {
        StepKind.CALL: Stage._call,
        StepKind.COMPUTE: Stage._compute,
        StepKind.WAIT: Stage._wait,
        StepKind.RUN: Stage._sub_run,
    }
)
