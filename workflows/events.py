"""What workflows write into evidence: metadata, never content."""

from dataclasses import dataclass
from uuid import UUID

from controlplane.lib.events import Committed, event


@event("workflow.version_published")
@dataclass(frozen=True)
class VersionPublished:
    workflow: str
    version: str
    digest: str


@event("workflow.dry_run")
@dataclass(frozen=True)
class DryRunMade:
    """Somebody looked at what a run would do; its reads, and the models it asked, are calls under `dry_run_id`."""

    dry_run_id: UUID
    workflow: str
    version: str
    definition_digest: str
    environment: str
    trigger: Committed
    result: Committed
    verdict: str
    with_model: bool
    ticket: str | None


@event("run.started")
@dataclass(frozen=True)
class RunStarted:
    """`ground`: what the run stands on beyond its definition, as replay needs it (`workflows.replay`)."""

    run_id: UUID
    workflow: str
    version: str
    definition_digest: str
    environment: str
    trigger: Committed
    ticket: str | None
    tools: dict[str, str]
    models: dict[str, str]
    redrive_of: UUID | None
    parent_run_id: UUID | None = None
    parent_step: str | None = None
    ground: Committed | None = None


@event("run.step_settled")
@dataclass(frozen=True)
class StepSettled:
    """A step reached the end of its way forward or back. `effect`: its place among the effects of the run."""

    step: str
    tool: str
    state: str
    attempts: int
    call_id: UUID | None = None
    effect: int | None = None
    code: str | None = None
    label: str | None = None
    sub_run_id: UUID | None = None


@event("run.sub_run_started")
@dataclass(frozen=True)
class SubRunStarted:
    step: str
    sub_run_id: UUID
    workflow: str
    version: str


@event("run.recalled")
@dataclass(frozen=True)
class RunRecalled:
    """The parent does not need this run any longer: what it did is taken back."""

    parent_run_id: UUID | None


@event("run.loop_begun")
@dataclass(frozen=True)
class LoopBegun:
    step: str
    items: int


@event("run.turned_back")
@dataclass(frozen=True)
class RunTurnedBack:
    """The effects of the steps in `undo` will be taken back, in this order."""

    code: str
    undo: list[str]


@event("run.needs_attention")
@dataclass(frozen=True)
class RunNeedsAttention:
    code: str


@event("run.cancel_requested")
@dataclass(frozen=True)
class RunCancelRequested:
    reason: str


@event("run.retry_requested")
@dataclass(frozen=True)
class RunRetryRequested:
    steps: list[str]


@event("run.paused")
@dataclass(frozen=True)
class RunPaused:
    reason: str


@event("run.resumed")
@dataclass(frozen=True)
class RunResumed:
    pass


@event("run.retried")
@dataclass(frozen=True)
class RunRetried:
    """A second attempt at another run, from a step on. `kept`: steps that are not done again."""

    retry_of: UUID
    from_step: str
    kept: list[str]


@event("run.settled_by_person")
@dataclass(frozen=True)
class RunSettledByPerson:
    answer: str
    reason: str


@event("run.outcome_told")
@dataclass(frozen=True)
class OutcomeTold:
    """A person said whether a call of unknown outcome had landed."""

    step: str
    call_id: UUID
    answer: str


@event("run.ruled_out")
@dataclass(frozen=True)
class RunRuledOut:
    """Policy does not accept what a step has done: the run turns back. `code`: of the rule that said so."""

    step: str
    call_id: UUID
    decision_id: UUID
    code: str


@event("run.dead_lettered")
@dataclass(frozen=True)
class DeadLettered:
    dead_letter_id: UUID
    step: str | None
    code: str
    attempts: int


@event("run.redriven")
@dataclass(frozen=True)
class Redriven:
    dead_letter_id: UUID
    new_run_id: UUID


@event("dead_letter.dismissed")
@dataclass(frozen=True)
class DeadLetterDismissed:
    """Nobody needs it done any more. The letter stays and can be opened again."""

    dead_letter_id: UUID
    reason: str


@event("dead_letter.reopened")
@dataclass(frozen=True)
class DeadLetterReopened:
    dead_letter_id: UUID
    reason: str


@event("redrive.planned")
@dataclass(frozen=True)
class RedrivePlanned:
    """A selection was frozen: `letters` of them, `selection` is the SHA-256 of their ids in order."""

    job_id: UUID
    connector: str
    tool: str
    code: str
    letters: int
    selection: str
    per_minute: int
    reason: str


@event("redrive.moved")
@dataclass(frozen=True)
class RedriveMoved:
    """Started, paused, resumed, stopped, or done; `counts` of its letters by state at that moment."""

    job_id: UUID
    state: str
    counts: dict[str, int]


@event("run.replayed")
@dataclass(frozen=True)
class RunReplayed:
    """Somebody had the record of a run played again; `other`: under which other version or policy."""

    run_id: UUID
    level: str
    verdict: str
    events: int
    same: int
    other: str | None


@event("run.closed")
@dataclass(frozen=True)
class RunClosedEvent:
    """Totals: steps by state, effects that landed, money in micro-USD (None: not known), time in ms.

    `tape`: what the engine learned from outside at every look, for tenants that keep content.
    """

    state: str
    code: str | None
    steps: dict[str, int]
    effects: int
    cost_micros: int | None
    cost_complete: bool | None
    elapsed_ms: int
    human_wait_ms: int
    write_back_ms: int | None
    tape: Committed | None = None
