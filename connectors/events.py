"""Event types of the gateway. Content is committed to, never contained."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from controlplane.lib.events import Committed, event


@event("tool.call.proposed")
@dataclass(frozen=True)
class CallProposed:
    call_id: UUID
    tool: str
    tool_version: str
    connector: str
    lane: str
    step: str
    idempotency_key: str
    args: Committed
    ticket: str | None = None
    compensates: UUID | None = None


@event("tool.call.denied")
@dataclass(frozen=True)
class CallDenied:
    call_id: UUID
    tool: str
    code: str
    detail: str
    decision_id: UUID | None = None
    action_digest: str | None = None


@event("tool.call.held")
@dataclass(frozen=True)
class CallHeld:
    """Halted or throttled: nothing was sent, it is tried again."""

    call_id: UUID
    tool: str
    state: str
    code: str


@event("tool.call.closed")
@dataclass(frozen=True)
class CallClosed:
    """Ended without having been sent: rejected, expired, or the target could not be read."""

    call_id: UUID
    tool: str
    state: str
    code: str
    request_id: UUID | None = None


@event("tool.call.intent")
@dataclass(frozen=True)
class CallIntended:
    """Written before the first byte: what will be sent, who decided, what pays."""

    call_id: UUID
    attempt: int
    tool: str
    tool_version: str
    kind: str
    lane: str
    target: str
    idempotency_key: str
    action_digest: str
    manifest_digest: str
    decision_id: UUID
    estimate_micros: int
    args: Committed
    expected: Committed
    undo: Committed
    request_id: UUID | None = None
    ticket: str | None = None


@event("tool.call.completed")
@dataclass(frozen=True)
class CallCompleted:
    call_id: UUID
    attempt: int
    tool: str
    cost_micros: int
    cost_known: bool
    output: Committed
    code: str = ""
    label: str | None = None
    before: Committed | None = None
    after: Committed | None = None
    wire: list[dict[str, object]] = field(default_factory=list)


@event("tool.call.failed")
@dataclass(frozen=True)
class CallFailed:
    call_id: UUID
    attempt: int
    tool: str
    permanent: bool
    code: str
    detail: Committed
    label: str | None = None
    wire: list[dict[str, object]] = field(default_factory=list)


@event("tool.call.unknown")
@dataclass(frozen=True)
class CallUnknown:
    call_id: UUID
    attempt: int
    tool: str
    code: str
    wire: list[dict[str, object]] = field(default_factory=list)


@event("tool.call.not_sent")
@dataclass(frozen=True)
class CallNotSent:
    call_id: UUID
    attempt: int
    tool: str
    code: str


@event("tool.call.probed")
@dataclass(frozen=True)
class CallProbed:
    call_id: UUID
    attempt: int
    probe: int
    tool: str
    found: str


@event("tool.call.resolved")
@dataclass(frozen=True)
class CallResolved:
    """A person said what became of a call that no probe could tell."""

    call_id: UUID
    tool: str
    answer: str
    task_id: UUID | None = None
    note: str = ""


@event("tool.call.reconcile_opened")
@dataclass(frozen=True)
class ReconcileOpened:
    """Every probe was in doubt: a person has to look."""

    task_id: UUID
    call_id: UUID
    attempt: int
    tool: str
    target: str
    marker: str
    probes: int


@event("tool.call.reconcile_claimed")
@dataclass(frozen=True)
class ReconcileClaimed:
    task_id: UUID
    call_id: UUID


@event("tool.call.reconcile_released")
@dataclass(frozen=True)
class ReconcileReleased:
    task_id: UUID
    call_id: UUID


@event("connector.circuit_opened")
@dataclass(frozen=True)
class CircuitOpened:
    """Too many failures in a row: calls are held until a try succeeds. `call_id` and `code`: the last failure."""

    instance_id: UUID
    name: str
    failures: int
    code: str
    call_id: UUID
    next_try_at: datetime


@event("connector.circuit_closed")
@dataclass(frozen=True)
class CircuitClosed:
    """A try got an answer."""

    instance_id: UUID
    name: str
    call_id: UUID
    opened_at: datetime


@event("connector.instance_saved")
@dataclass(frozen=True)
class InstanceSaved:
    instance_id: UUID
    name: str
    driver: str
    manifest_digest: str
    enabled: bool
    config: Committed


@event("connector.endpoint_created")
@dataclass(frozen=True)
class EndpointCreated:
    endpoint_id: UUID
    name: str
    scheme: str


@event("connector.endpoint_switched")
@dataclass(frozen=True)
class EndpointSwitched:
    endpoint_id: UUID
    enabled: bool


@event("connector.slack_user_linked")
@dataclass(frozen=True)
class SlackUserLinked:
    team_id: str
    slack_user_id: str
    user_id: UUID


@event("connector.slack_user_unlinked")
@dataclass(frozen=True)
class SlackUserUnlinked:
    team_id: str
    slack_user_id: str


@event("connector.slack_linking_begun")
@dataclass(frozen=True)
class SlackLinkingBegun:
    """A code was made for this Slack user; it is told to nobody else."""

    team_id: str
    slack_user_id: str
    user_id: UUID


@event("connector.preference_saved")
@dataclass(frozen=True)
class PreferenceSaved:
    """How a person wants to hear of what waits for them. `digest_hour` None: no digest."""

    user_id: UUID
    direct: str
    digest_hour: int | None
    weekdays_only: bool
    timezone: str


@event("connector.rota_saved")
@dataclass(frozen=True)
class RotaSaved:
    """`members` in their order; the first has the first turn."""

    rota_id: UUID
    name: str
    members: list[UUID]
    starts_at: datetime
    turn_hours: int
    enabled: bool


@event("webhook.received")
@dataclass(frozen=True)
class WebhookReceived:
    endpoint_id: UUID
    delivery_id: UUID
    webhook_id: str
    body_sha256: str


@event("webhook.body_changed")
@dataclass(frozen=True)
class WebhookBodyChanged:
    """The same id came again with another body: the first one counts, somebody should look."""

    endpoint_id: UUID
    webhook_id: str
    first_sha256: str
    second_sha256: str


@event("enforcement.changed")
@dataclass(frozen=True)
class EnforcementChanged:
    """What the canary proves in an environment is no longer what it proved before (`connectors.lights.Outcome`)."""

    environment_id: UUID
    before: str
    now: str
    code: str
    call_id: UUID | None
    decision_id: UUID | None


@event("enforcement.failed")
@dataclass(frozen=True)
class EnforcementFailed:
    """A call that nobody grants was not denied. Told each time that it happens."""

    environment_id: UUID
    state: str
    code: str
    call_id: UUID | None
    decision_id: UUID | None


@event("tool.call.notice_ordered")
@dataclass(frozen=True)
class NoticeOrdered:
    """Policy wants people told of a decision about this call; `notice_call_id` is the call that tells them.

    `phase`: `before` the call, or `after` it has landed.
    """

    call_id: UUID
    tool: str
    decision_id: UUID
    phase: str
    channel: str
    notice_call_id: UUID
