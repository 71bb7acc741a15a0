"""Rows of workflows and runs. States change only by compare-and-swap, in `workflows.locks` and the engine."""

from typing import Any

from django.db import models
from django.db.models import Q

from tenants.models import Environment, TenantModel, Workspace, within_tenant
from workflows.moves import StepView
from workflows.redrive_models import RedriveItem, RedriveJob  # noqa: F401 - rows of this app
from workflows.types import (
    ENGINE_RUN_STATES,
    OPEN_RUN_STATES,
    DeadLetterState,
    RunState,
    StepState,
    WaitReason,
)


def _choices(states: type[RunState | StepState | WaitReason | DeadLetterState]) -> list[tuple[str, str]]:
    return [(state.value, state.value) for state in states]


class Workflow(TenantModel):
    """A name under which versions are published."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="workflows")
    name = models.SlugField(max_length=64)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "workspace", "name"], name="workflow_name_once"),
            within_tenant("workflow"),
        ]

    def __str__(self) -> str:
        return self.name


class WorkflowVersion(TenantModel):
    """A published definition. Never changed: the table refuses UPDATE and DELETE.

    `assets` holds the prompts and schemas that the definition names, by `prompts/<name>@<n>` and
    `schemas/<name>@<n>`; `digest` covers document and assets.
    """

    workflow = models.ForeignKey(Workflow, on_delete=models.PROTECT, related_name="versions")
    version = models.CharField(max_length=24)
    digest = models.CharField(max_length=64)
    source = models.TextField()
    document = models.JSONField()
    assets = models.JSONField(default=dict)
    published_by = models.UUIDField()
    published_label = models.CharField(max_length=150)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "workflow", "version"], name="workflow_version_once"),
            within_tenant("workflowversion"),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.version}"


class Moving(TenantModel):
    """A row that moves under a lock, by `locks.change`. `was`: what the changed columns held when it was read and
    locked; None when nobody holds it. `shown`: what the planner sees of it, until it changes.
    """

    was: dict[str, Any] | None = None
    shown: StepView | None = None

    class Meta(TenantModel.Meta):
        abstract = True


class Run(Moving):
    """One execution of a version. Pins everything that could change under it.

    Lease: `fence` grows with every claim, `lease_until` is when the holder counts as dead. `ready_at`: since when
    the run waits for a worker, None while it does not; this is the queue. `wake_at`: when the sweeper makes it
    ready; None while only an event can. `lane`: the queue of a run whose workflow may run only so often at once,
    empty from its first claim on. `nudged`: something happened while the lease was held.
    `effects` counts the writes that landed. Digests name encrypted payloads.

    `priority`: lower goes first. `paused_at`: a person holds it up at the next step. `deadline_at`: when it turns
    back if it is not done. A sub-run names its parent and the step of it; `origin_run_id` is the outermost run that
    this one is a part or a repetition of, None for one that begins anew. `concurrency_key` and `max_running`: at
    most so many runs of the same key run at a time; empty: no limit.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey(WorkflowVersion, on_delete=models.PROTECT, related_name="runs")
    workflow_name = models.CharField(max_length=64)
    workflow_version = models.CharField(max_length=24)

    state = models.CharField(max_length=16, default=RunState.QUEUED, choices=_choices(RunState))
    waits_for = models.CharField(max_length=16, blank=True, default=WaitReason.NONE)
    step_rules = models.BooleanField(default=False, help_text="the policy that admitted it has rules for steps")
    stop = models.CharField(max_length=16, blank=True, help_text="why it must not go on: cancelled, halted")
    code = models.CharField(max_length=80, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    effects = models.PositiveIntegerField(default=0)

    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)
    ready_at = models.DateTimeField(null=True)
    lane = models.CharField(max_length=120, blank=True)
    nudged = models.BooleanField(default=False)
    crashes = models.PositiveIntegerField(default=0)

    start_key = models.CharField(max_length=200)
    ticket_key = models.CharField(max_length=200, blank=True)
    ticket_id = models.CharField(max_length=64, blank=True)
    ticket_number = models.CharField(max_length=64, blank=True)
    trigger_digest = models.CharField(max_length=64)
    output_digest = models.CharField(max_length=64, blank=True)
    redrive_of = models.UUIDField(null=True)
    origin_run_id = models.UUIDField(null=True)

    priority = models.SmallIntegerField(default=5)
    concurrency_key = models.CharField(max_length=120, blank=True)
    max_running = models.PositiveIntegerField(null=True)
    paused_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    parent_run_id = models.UUIDField(null=True)
    parent_step = models.CharField(max_length=48, blank=True)

    starter_kind = models.CharField(max_length=16)
    starter_id = models.UUIDField()
    starter_label = models.CharField(max_length=150)
    starter_method = models.CharField(max_length=16)
    on_behalf_of = models.UUIDField(null=True)
    pins = models.JSONField(default=dict)
    policy_revision = models.CharField(max_length=80, blank=True)
    tape = models.JSONField(null=True, help_text="what its looks have learned so far; none when it is not recorded")

    received_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    waiting_since = models.DateTimeField(null=True)
    human_wait_ms = models.BigIntegerField(default=0)
    written_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta(Moving.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "start_key"], name="run_started_once"),
            models.UniqueConstraint(
                fields=["tenant", "workspace", "workflow_name", "ticket_key"],
                condition=Q(state__in=sorted(OPEN_RUN_STATES)) & ~Q(ticket_key=""),
                name="run_open_once_per_ticket",
            ),
            models.CheckConstraint(
                condition=Q(effects=0) | ~Q(state__in=[RunState.FAILED, RunState.REJECTED, RunState.CANCELLED]),
                name="run_with_effects_is_not_simply_over",
            ),
            within_tenant("run"),
        ]
        indexes = [
            models.Index(
                fields=["wake_at"],
                condition=Q(state__in=sorted(ENGINE_RUN_STATES), wake_at__isnull=False, ready_at__isnull=True),
                name="run_due",
            ),
            models.Index(
                fields=["tenant", "lane", "priority", "ready_at"],
                condition=Q(ready_at__isnull=False),
                name="run_ready",
            ),
            models.Index(
                fields=["tenant", "concurrency_key"],
                condition=Q(state__in=sorted(ENGINE_RUN_STATES), lane="", concurrency_key__gt=""),
                name="run_in_its_lane",
            ),
            models.Index(fields=["tenant", "-id"], name="run_newest"),
            models.Index(fields=["tenant", "ticket_number"], name="run_of_ticket"),
            models.Index(
                fields=["tenant", "parent_run_id"], condition=Q(parent_run_id__isnull=False), name="run_of_parent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_name} {self.state}"


class Step(Moving):
    """One step of a run. `call_id` and `undo_call_id` name calls of the gateway, `call_state` the last state
    seen of the one in hand. `due_at`: when a waiting step is looked at again; None while an event is needed.

    `kind`: call, compute, wait or run; a step of kind run names its `child_run_id`. A loop is a row with
    `parallel` (how many items may be open) and, once it has begun, one row per item, which names the loop as
    `parent_key` and its place as `item`, from 0. `continues`: the run goes on when this step fails.
    """

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="steps")
    key = models.CharField(max_length=48)
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8, default="call")
    tool = models.CharField(max_length=120, blank=True)
    parent_key = models.CharField(max_length=48, blank=True)
    item = models.PositiveSmallIntegerField(null=True)
    parallel = models.PositiveSmallIntegerField(null=True)
    continues = models.BooleanField(default=False)
    writes = models.BooleanField()
    needs = models.JSONField(default=list)

    state = models.CharField(max_length=16, default=StepState.PENDING, choices=_choices(StepState))
    waits_for = models.CharField(max_length=16, blank=True, default=WaitReason.NONE)
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    effect = models.PositiveIntegerField(null=True)
    code = models.CharField(max_length=80, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    label = models.CharField(max_length=16, blank=True)

    call_id = models.UUIDField(null=True)
    undo_call_id = models.UUIDField(null=True)
    child_run_id = models.UUIDField(null=True)
    call_state = models.CharField(max_length=20, blank=True)
    request_id = models.UUIDField(null=True)
    output_digest = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(Moving.Meta):
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "key"], name="step_once_per_run"),
            models.UniqueConstraint(fields=["run", "effect"], name="step_effect_once_per_run"),
            within_tenant("step"),
        ]
        indexes = [
            models.Index(fields=["tenant", "request_id"], name="step_of_request"),
            models.Index(fields=["child_run_id"], condition=Q(waits_for=WaitReason.SUB_RUN), name="step_of_sub_run"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.state}"


class DeadLetter(TenantModel):
    """Work that was given up after every retry. A redrive starts a new run with the same trigger.

    `connector` is the instance that the step called, empty with `tool` for a fault of the run itself.
    """

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="dead_letters")
    step_key = models.CharField(max_length=48, blank=True)
    code = models.CharField(max_length=80)
    detail = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveIntegerField()
    state = models.CharField(max_length=16, default=DeadLetterState.OPEN, choices=_choices(DeadLetterState))
    redriven_run_id = models.UUIDField(null=True)
    redriven_by = models.CharField(max_length=150, blank=True)
    connector = models.CharField(max_length=64, blank=True)
    tool = models.CharField(max_length=120, blank=True)
    dismissed_by = models.CharField(max_length=150, blank=True)
    dismissed_at = models.DateTimeField(null=True)
    dismiss_reason = models.CharField(max_length=500, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["tenant", "connector", "tool", "code", "id"],
                condition=Q(state=DeadLetterState.OPEN),
                name="dead_letter_open",
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["run", "step_key", "code"], name="dead_letter_once"),
            within_tenant("deadletter"),
        ]

    def __str__(self) -> str:
        return f"{self.step_key or 'run'} {self.code}"


class WakeUp(models.Model):
    """The queue of django-q2, in no tenant: a signed task that carries ids only.

    `visible_at` is when a worker may take it: pushed into the future while one has it (at-least-once).
    """

    id = models.BigAutoField(primary_key=True)
    queue = models.CharField(max_length=64)
    payload = models.TextField()
    visible_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["queue", "visible_at", "id"], name="wakeup_next")]

    def __str__(self) -> str:
        return f"wake-up {self.pk}"
