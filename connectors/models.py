"""Rows of the gateway. States change only by the compare-and-swap in `connectors.locks`."""

from uuid import UUID

from django.core.validators import MinValueValidator
from django.db import models

from connectors.calls import FINAL, CallState, Lane
from connectors.circuits import CircuitState
from connectors.door_models import (
    ApprovalCard,
    SlackDelivery,
    SlackIdentity,
    WebhookDelivery,
    WebhookEndpoint,
)
from connectors.lights import Outcome
from connectors.line_models import SlackLine
from connectors.people_models import NotificationPreference, Rota, SlackLinking
from controlplane.lib import clock
from tenants.models import Environment, TenantModel, Workspace, within_tenant

__all__ = [
    "ApprovalCard",
    "CallAttempt",
    "CallProbe",
    "Circuit",
    "ConnectorInstance",
    "Enforcement",
    "History",
    "NotificationPreference",
    "ReconcileTask",
    "Rota",
    "SlackDelivery",
    "SlackIdentity",
    "SlackLine",
    "SlackLinking",
    "ToolCall",
    "WebhookDelivery",
    "WebhookEndpoint",
]


class ConnectorInstance(TenantModel):
    """A configured connector: driver and manifest pinned, secrets by reference only."""

    name = models.SlugField(max_length=48)
    driver = models.SlugField(max_length=48)
    manifest_version = models.CharField(max_length=32)
    manifest_digest = models.CharField(max_length=64)
    base_url = models.URLField(max_length=300)
    config = models.JSONField(default=dict, blank=True)
    credentials = models.JSONField(default=dict, blank=True, help_text="slot name → cred:<name>, never a secret")
    classes = models.JSONField(
        default=dict, blank=True, help_text="data classes that its answers hold beyond the manifest's"
    )
    max_in_flight = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="at most so many forward calls at a time; empty: as many as the rate limits allow",
    )
    allow_loopback = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="instance_name_once"),
            within_tenant("instance"),
        ]

    def __str__(self) -> str:
        return self.name


class Circuit(TenantModel):
    """The breaker of one connector instance (`connectors.circuits`). No row: closed, and nothing has failed."""

    instance = models.OneToOneField(ConnectorInstance, on_delete=models.PROTECT, related_name="circuit")
    state = models.CharField(
        max_length=12, default=CircuitState.CLOSED, choices=[(s.value, s.value) for s in CircuitState]
    )
    failures = models.PositiveIntegerField(default=0)
    trips = models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=80, blank=True, help_text="of the last failure")
    opened_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True)
    trying_until = models.DateTimeField(null=True)
    trying_call_id = models.UUIDField(null=True)
    next_undo_at = models.DateTimeField(null=True)
    undoing_until = models.DateTimeField(null=True)
    undoing_call_id = models.UUIDField(null=True)
    version = models.PositiveIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=[s.value for s in CircuitState]), name="circuit_state_known"
            ),
            within_tenant("circuit"),
        ]

    def __str__(self) -> str:
        return self.state


class ToolCall(TenantModel):
    """One action, from proposal to settled outcome. Content lives in payloads, by digest."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    instance = models.ForeignKey(ConnectorInstance, on_delete=models.PROTECT, related_name="calls")
    run_id = models.UUIDField()
    origin_run_id = models.UUIDField(null=True, help_text="the run that this one is a part or a repetition of")
    step_id = models.CharField(max_length=120, blank=True)
    workflow = models.CharField(max_length=120, blank=True)
    workflow_version = models.CharField(max_length=32, blank=True)
    ticket = models.CharField(max_length=120, null=True, blank=True)
    ticket_id = models.CharField(max_length=64, blank=True, default="", help_text="the vendor's own id of the ticket")
    lane = models.CharField(max_length=16, choices=[(lane.value, lane.value) for lane in Lane])
    dry_run = models.BooleanField(default=False)
    approval_floor = models.CharField(max_length=16, blank=True, default="")
    approval_reason = models.CharField(max_length=300, blank=True, default="")
    reason = models.CharField(max_length=300, blank=True, default="")
    compensates = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="compensations")
    observation = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="observed_for")

    actor_kind = models.CharField(max_length=16)
    actor_id = models.UUIDField()
    actor_label = models.CharField(max_length=150)
    actor_method = models.CharField(max_length=16)
    on_behalf_of = models.UUIDField(null=True)
    starter_id = models.UUIDField(null=True)

    tool = models.CharField(max_length=120)
    tool_version = models.CharField(max_length=32)
    kind = models.CharField(max_length=8)
    risk = models.CharField(max_length=8)
    reversibility = models.CharField(max_length=16)
    data_classes = models.JSONField(default=list)
    schema_hash = models.CharField(max_length=64)
    manifest_digest = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=240)
    marker = models.CharField(max_length=80)

    args_digest = models.CharField(max_length=64, help_text="payload: arguments as proposed")
    bound_args_digest = models.CharField(max_length=64, blank=True, help_text="payload: after obligations")
    before_digest = models.CharField(max_length=64, blank=True)
    after_digest = models.CharField(max_length=64, blank=True)
    output_digest = models.CharField(max_length=64, blank=True)
    expected_digest = models.CharField(max_length=64, blank=True)
    undo_digest = models.CharField(max_length=64, blank=True)
    observed_at = models.DateTimeField(null=True)
    target = models.CharField(max_length=240, blank=True)
    action_digest = models.CharField(max_length=64, blank=True)

    decision_id = models.UUIDField(null=True)
    history_version = models.PositiveIntegerField(null=True)
    asked_after = models.BooleanField(default=False, help_text="The policy is asked again once the write has landed")
    request_id = models.UUIDField(null=True)
    approval_consumed_at = models.DateTimeField(null=True)
    estimate_micros = models.BigIntegerField(default=0)

    state = models.CharField(max_length=20, default=CallState.PROPOSED, choices=[(s.value, s.value) for s in CallState])
    code = models.CharField(max_length=80, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    label = models.CharField(max_length=16, blank=True)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    probes = models.PositiveIntegerField(default=0)
    dispatched_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "idempotency_key"], name="call_intended_once"),
            models.UniqueConstraint(
                fields=["compensates"],
                condition=~models.Q(state__in=["DENIED", "REJECTED", "EXPIRED", "FAILED_PERMANENT", "CONFLICT"]),
                name="call_compensated_once",
            ),
            models.CheckConstraint(condition=models.Q(state__in=[s.value for s in CallState]), name="call_state_known"),
            models.CheckConstraint(
                condition=~models.Q(dry_run=True, kind="write"), name="call_of_dry_run_writes_nothing"
            ),
            within_tenant("call"),
        ]
        indexes = [
            models.Index(fields=["tenant", "run_id", "id"], name="call_of_run"),
            models.Index(
                fields=["dispatched_at"], condition=models.Q(state=CallState.DISPATCHED), name="call_in_flight"
            ),
            models.Index(
                fields=["tenant", "id"],
                condition=models.Q(lane="system", step_id="notice")
                & ~models.Q(state__in=sorted(state.value for state in FINAL)),
                name="call_notice_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool} {self.state}"

    @property
    def told_run_id(self) -> UUID | None:
        """The run whose record tells of this call. A card is not part of the run that it asks about: it may
        still be updated when the run is closed."""
        return None if self.lane == Lane.SYSTEM else self.run_id


class CallAttempt(TenantModel):
    """One sending of a call, written before the first byte."""

    call = models.ForeignKey(ToolCall, on_delete=models.PROTECT, related_name="sendings")
    number = models.PositiveIntegerField()
    fence = models.PositiveIntegerField()
    idempotency_key = models.CharField(max_length=260)
    action_digest = models.CharField(max_length=64)
    decision_id = models.UUIDField()
    intent_event_id = models.UUIDField()
    outcome = models.CharField(max_length=16, blank=True)
    code = models.CharField(max_length=80, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    wire = models.JSONField(default=list)
    settled_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["call", "number"], name="attempt_number_once"),
            models.UniqueConstraint(fields=["tenant", "idempotency_key"], name="attempt_intended_once"),
            within_tenant("attempt"),
        ]


class CallProbe(TenantModel):
    """What the target answered when it was asked whether an attempt has landed."""

    class Found(models.TextChoices):
        LANDED = "landed", "The marker is there"
        NOT_LANDED = "not_landed", "No marker, and it reads as before"
        CANNOT_TELL = "cannot_tell", "It cannot be told"

    call = models.ForeignKey(ToolCall, on_delete=models.PROTECT, related_name="looks")
    attempt = models.PositiveIntegerField()
    number = models.PositiveIntegerField()
    found = models.CharField(max_length=12, choices=Found.choices)
    detail = models.CharField(max_length=500, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["call", "attempt", "number"], name="probe_number_once"),
            within_tenant("probe"),
        ]


class ReconcileTask(TenantModel):
    """An outcome that no probe could tell, for a person: one per attempt, one answer."""

    class State(models.TextChoices):
        OPEN = "OPEN"
        ANSWERED = "ANSWERED"
        FOUND = "FOUND"

    call = models.ForeignKey(ToolCall, on_delete=models.PROTECT, related_name="doubts")
    attempt = models.PositiveIntegerField()
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    run_id = models.UUIDField()
    guide = models.CharField(max_length=1000, help_text="how to look by hand")
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN)
    claimed_by = models.UUIDField(null=True)
    claimed_label = models.CharField(max_length=150, blank=True)
    claimed_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=12, blank=True)
    note = models.CharField(max_length=500, blank=True)
    answered_by = models.UUIDField(null=True)
    answered_label = models.CharField(max_length=150, blank=True)
    closed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["call", "attempt"], name="doubt_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["OPEN", "ANSWERED", "FOUND"]), name="doubt_state_known"
            ),
            within_tenant("doubt"),
        ]
        indexes = [models.Index(fields=["tenant", "id"], condition=models.Q(state="OPEN"), name="doubt_open")]

    def __str__(self) -> str:
        return f"{self.call_id} {self.state}"


class History(TenantModel):
    """What was done so far in one run, about one ticket, or was carried to one record (`connectors.gateway.marks`);
    `version` grows with every change. Holds names only: tools, data classes, records."""

    subject = models.CharField(max_length=400)
    version = models.PositiveIntegerField(default=0)
    writes = models.PositiveIntegerField(default=0)
    tools = models.JSONField(default=dict, help_text="tool → how often")
    recent = models.JSONField(default=list, help_text="the last tools, in their order")
    data_classes = models.JSONField(default=dict, help_text="class → where its data came from")
    touched_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        verbose_name_plural = "histories"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "subject"], name="history_subject_once"),
            within_tenant("history"),
        ]
        indexes = [models.Index(fields=["tenant", "touched_at"], name="history_oldest")]


class Enforcement(TenantModel):
    """Whether policy holds in an environment, as the last canary proved it (`connectors.enforcement`).

    The calls themselves are rows of `ToolCall` under the workflow of the canary.
    """

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=12, choices=[(o.value, o.value) for o in Outcome])
    code = models.CharField(max_length=80, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    call_id = models.UUIDField(null=True)
    decision_id = models.UUIDField(null=True)
    tried_at = models.DateTimeField(null=True)
    since = models.DateTimeField(help_text="Since when the outcome is this one")
    next_at = models.DateTimeField(db_index=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "environment"], name="enforcement_once"),
            within_tenant("enforcement"),
        ]
