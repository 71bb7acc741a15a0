"""A run under the hands of a worker: its rows, its definition and the picture that `plan` decides from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from controlplane.lib import clock
from controlplane.lib.canonical import canonical, sha256_hex
from controlplane.lib.errors import LostRace
from policies.types import Decision
from tenants import payloads, quick, scope
from tenants.actors import Actor
from tenants.errors import PayloadExpired
from tenants.models.secrets import NOBODY
from workflows import halting, locks
from workflows.definition.model import Definition, StepSpec
from workflows.engine.answers import Answer, answer_document
from workflows.engine.door import Decide
from workflows.engine.picture import is_awaited, picture
from workflows.engine.tape import Recorder, Tape, look_document
from workflows.models import Run, Step
from workflows.pinned import pinned
from workflows.plan import RunView
from workflows.types import WaitReason

_FOR_OTHERS = (WaitReason.APPROVAL, WaitReason.RECONCILE, WaitReason.SUB_RUN)


@dataclass
class Work:
    """Valid inside the transaction that loaded it. `now` stands still for one look.

    Rows move in memory; content (`keep`), events (`record`), new steps (`add`) and the wish to be woken again
    (`ring`) are collected. `flushing.flush` writes all of it at the end of the look. `permits`: what policy has said
    of steps in this look. `tape`: what it asks outside while it is made; `look`: how it began, with its answer.
    """

    run: Run
    steps: dict[str, Step]
    now: datetime
    contents: dict[str, Any] = field(default_factory=dict)
    kept: list[payloads.Held] = field(default_factory=list)
    events: list[object] = field(default_factory=list)
    added: list[Step] = field(default_factory=list)
    rings: bool = False
    closed: bool = False
    decide: Decide | None = None
    permits: dict[str, Decision] = field(default_factory=dict)
    tape: Tape = field(default_factory=Recorder)
    look: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, lease: locks.Lease) -> "Work":
        """Lock and read a run; raises LostRace."""
        works = cls.load_all([lease])
        if not works:
            raise LostRace(f"run {lease.run_id} is in other hands")
        return works[0]

    @classmethod
    def load_all(cls, leases: Sequence[locks.Lease]) -> "list[Work]":
        """Lock and read these runs of one tenant in two statements; those in other hands are left out."""
        return cls._of(locks.held(leases))

    @classmethod
    def of(cls, run: Run) -> "Work":
        """The work at a run that a person's verb has locked (`locks.open_run`)."""
        locks.hold(run)
        return cls._of([run])[0]

    @classmethod
    def _of(cls, runs: Sequence[Run]) -> "list[Work]":
        works = {run.pk: cls(run, {}, clock.now()) for run in runs}
        for step in quick.find(Step, run_id=list(works)):
            locks.hold(step)
            works[step.run_id].steps[step.key] = step
        for run in runs:
            run.version, _ = pinned(run.version_id)
        return list(works.values())

    @property
    def lease(self) -> locks.Lease:
        return locks.Lease(self.run.pk, self.run.fence)

    def begin(self, kind: str, step: str = "", answer: Answer | None = None) -> None:
        """Note how this look begins, if the run is recorded."""
        if self.run.tape is None:
            return
        due = [step.key for step in self.steps.values() if step.due_at is not None and step.due_at <= self.now]
        self.look = look_document(kind, self.now, self.run, sorted(due))
        if answer is not None:
            self.look |= {"step": step, "answer": answer_document(answer)}

    def again(self) -> None:
        """Look once more: something happened before this work was loaded.

        A decision can come between the gateway's answer and our note of which request the step waits for: it
        then finds no step to make due. So whatever waits for people or for another run is asked about once more.
        """
        self.now = datetime.fromisoformat(self.tape.learn("now", lambda: clock.now().isoformat()))
        locks.change(self.run, nudged=False)
        for step in self.steps.values():
            if step.waits_for in _FOR_OTHERS:
                locks.change(step, due_at=self.now)

    @cached_property
    def definition(self) -> Definition:
        return pinned(self.run.version_id)[1]

    def keep(self, value: object, *, beyond: bool = False) -> str:
        """Keep a value as a payload of the run, or `beyond` its end; returns its digest."""
        content = canonical(value)
        digest = sha256_hex(content)
        self.kept.append((content, NOBODY if beyond else self.run.pk))
        self.contents[digest] = value
        return digest

    def add(self, step: Step) -> None:
        """A step that comes into being during the run."""
        self.added.append(step)
        self.steps[step.key] = step
        locks.hold(step)

    def content(self, digest: str) -> Any:
        """A payload as JSON, read once; raises PayloadExpired."""
        if digest not in self.contents:
            self.contents[digest] = self._read(digest)
        return self.contents[digest]

    def _read(self, digest: str) -> Any:
        """Only that it is gone is worth a note: where it came from is on record."""
        try:
            return payloads.get_json(digest)
        except PayloadExpired as gone:
            self.tape.note(f"content {digest}", {"refused": [gone.code, gone.detail]})
            raise

    def spec(self, step: Step) -> StepSpec:
        """What the definition says of a step; an item is what its loop is."""
        return self.definition.step(step.parent_key or step.key)

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
        """An event of this run, by the engine; written with the rows it tells of."""
        self.events.append(event)

    def ring(self) -> None:
        """Have a worker look at this run again once the transaction commits."""
        self.rings = True

    def written(self) -> None:
        """The database has all of it: what changes from here on is new."""
        locks.hold(self.run, *self.steps.values())
        self.kept, self.events, self.added, self.look = [], [], [], {}
        self.rings = self.closed = False

    def view(self) -> RunView:
        return picture(self.run, self.steps.values(), self.now, awaited=self._awaited, deadline_at=self._deadline)

    @property
    def _deadline(self) -> datetime | None:
        """Whether the kill switch held the run matters only once its time seems over."""
        at = self.run.deadline_at
        if at is None or at > self.now:
            return at
        return datetime.fromisoformat(self.tape.learn("deadline", self._held_deadline))

    def _held_deadline(self) -> str:
        at = halting.deadline_of(self.run, self.now)
        if at is None:
            raise ValueError("a run that has a deadline keeps it")
        return at.isoformat()

    @cached_property
    def _awaited(self) -> bool:
        return self.run.parent_run_id is not None and bool(self.tape.learn("awaited", lambda: is_awaited(self.run)))
