"""What `plan` sees of a run, and what it may answer. Frozen values. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from workflows.types import RunState, StepState, WaitReason

DONE = frozenset({StepState.SUCCEEDED, StepState.SKIPPED})


@dataclass(frozen=True, slots=True)
class StepView:
    """`writes`: the step changes the outside world. `due_at`: when a waiting step is looked at again; None
    while a person or an event is needed. `effect`: place among the effects of the run, from 1. `where`: the
    systems that an effect may have touched; empty: any.

    `loop`: the loop that the step is an item of; `parallel`: set on a loop, how many of its items may be open.
    `continues`: its failure does not stop the run. `sub_run`: another run does the work; `recalled`: that one
    was asked to turn back.
    """

    id: str
    state: StepState
    needs: frozenset[str] = frozenset()
    writes: bool = False
    effect: int | None = None
    due_at: datetime | None = None
    waits_for: WaitReason = WaitReason.NONE
    code: str = ""
    where: frozenset[str] = frozenset()
    loop: str = ""
    parallel: int | None = None
    continues: bool = False
    sub_run: bool = False
    recalled: bool = False

    @property
    def is_done(self) -> bool:
        """What needs this step may go on."""
        return self.state in DONE or (self.state is StepState.FAILED and self.continues)


@dataclass(frozen=True, slots=True)
class RunView:
    """A run at one moment. `stop`: why it must not go on, empty when it may. `deadline_at`: when it turns back
    unless it is done. `paused`: a person holds it up. `awaited`: a sub-run whose parent is still open, so that
    what it did may yet have to be taken back.
    """

    state: RunState
    now: datetime
    steps: tuple[StepView, ...] = field(default=())
    stop: str = ""
    deadline_at: datetime | None = None
    paused: bool = False
    awaited: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """These steps have all they need."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """Evaluate the condition and begin: propose the call, compute, set the timer, start the sub-run."""

    step: str


@dataclass(frozen=True, slots=True)
class Continue:
    """Carry the step further: decided, retried, or resumed after a crash."""

    step: str


@dataclass(frozen=True, slots=True)
class Gather:
    """Every item of a loop is done."""

    step: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask whether the call landed, or how the sub-run ended; never send anything."""

    step: str


@dataclass(frozen=True, slots=True)
class Recall:
    """Ask a sub-run to turn back."""

    step: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Give up a step without an effect that no longer has to run."""

    step: str


@dataclass(frozen=True, slots=True)
class TurnBack:
    """There are effects to take back."""

    code: str


@dataclass(frozen=True, slots=True)
class Undo:
    """Start or carry on the compensation of one effect."""

    step: str


@dataclass(frozen=True, slots=True)
class Attention:
    """The compensation cannot go on without a person."""

    code: str


@dataclass(frozen=True, slots=True)
class Park:
    """Nothing to do before `until` (None: before something happens). No worker waits."""

    reason: WaitReason
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Close:
    state: RunState
    code: str = ""


Move: TypeAlias = Ready | Start | Continue | Gather | Probe | Recall | Drop | TurnBack | Undo | Attention | Park | Close
