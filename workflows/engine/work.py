"""A run under the hands of a worker: its rows, its definition and the picture that `plan` decides from."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from controlplane.lib import clock
from evidence.services import record
from tenants import payloads, scope
from tenants.actors import Actor
from workflows import locks
from workflows.definition.model import Definition, StepSpec, build
from workflows.models import Run, Step
from workflows.plan import RunView, StepView
from workflows.types import RunState, StepState, WaitReason

_FOR_PEOPLE = (WaitReason.APPROVAL, WaitReason.RECONCILE)


@dataclass
class Work:
    """Valid inside the transaction that loaded it. `now` stands still for one look."""

    run: Run
    steps: dict[str, Step]
    now: datetime
    contents: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, lease: locks.Lease) -> "Work":
        """Lock and read a run; raises LostRace."""
        run = locks.held(lease)
        return cls(run, {step.key: step for step in Step.objects.filter(run_id=run.pk)}, clock.now())

    def again(self) -> None:
        """Look once more: something happened since this work was loaded.

        A decision can come between the gateway's answer and our note of which request the step waits for: it
        then finds no step to make due. So whatever waits for people is asked about once more.
        """
        Run.objects.filter(pk=self.run.pk).update(nudged=False)
        Step.objects.filter(run_id=self.run.pk, waits_for__in=_FOR_PEOPLE).update(due_at=self.now)
        self.run.nudged = False
        self.steps = {step.key: step for step in Step.objects.filter(run_id=self.run.pk)}
        self.now = clock.now()

    @cached_property
    def definition(self) -> Definition:
        return build(self.run.version.document)

    def content(self, digest: str) -> Any:
        """A payload as JSON, read once; raises PayloadExpired."""
        if digest not in self.contents:
            self.contents[digest] = payloads.get_json(digest)
        return self.contents[digest]

    def spec(self, step: Step) -> StepSpec:
        return self.definition.step(step.key)

    @property
    def engine(self) -> Actor:
        return Actor.system(scope.current(), "engine")

    @property
    def starter(self) -> Actor:
        """Who the run acts for: the subject of every decision about its calls."""
        return Actor(
            kind=self.run.starter_kind,
            id=self.run.starter_id,
            tenant_id=scope.current(),
            label=self.run.starter_label,
            method=self.run.starter_method,
            on_behalf_of=self.run.on_behalf_of,
        )

    def record(self, event: object) -> None:
        record(event, actor=self.engine, workspace_id=self.run.workspace_id, run_id=self.run.pk)

    def view(self) -> RunView:
        steps = tuple(_step_view(step) for step in sorted(self.steps.values(), key=lambda s: s.position))
        return RunView(RunState(self.run.state), self.now, steps, self.run.stop)


def _step_view(step: Step) -> StepView:
    return StepView(
        id=step.key,
        state=StepState(step.state),
        needs=frozenset(step.needs),
        writes=step.writes,
        effect=step.effect,
        due_at=step.due_at,
        waits_for=WaitReason(step.waits_for),
        code=step.code,
    )
