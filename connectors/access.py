"""The only fetch for views: foreign and missing look the same."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, Max, Q, QuerySet

from connectors.calls import CallState
from connectors.circuits import CircuitState
from connectors.errors import EndpointNotFound, InstanceNotFound, TaskNotFound
from connectors.gateway.errors import CallNotFound
from connectors.models import (
    CallProbe,
    Circuit,
    ConnectorInstance,
    ReconcileTask,
    SlackIdentity,
    ToolCall,
    WebhookEndpoint,
)
from connectors.types import JsonObject
from controlplane.lib import clock
from controlplane.lib.canonical import sha256_hex
from tenants import payloads
from tenants.access import workspace_ids
from tenants.actors import Actor
from tenants.errors import PayloadExpired
from tenants.permissions import Perm, held, holds_anywhere

_MOST = 200
_FAILED = (CallState.UNKNOWN, CallState.FAILED_TRANSIENT, CallState.FAILED_PERMANENT)


def call(actor: Actor, call_id: UUID) -> ToolCall:
    """Raises CallNotFound also when the actor may not see the call's workspace."""
    found = ToolCall.objects.select_related("instance").filter(pk=call_id).first()
    if found is None or Perm.VIEW not in held(actor, found.workspace_id):
        raise CallNotFound()
    return found


def calls_of_run(actor: Actor, run_id: UUID) -> list[ToolCall]:
    """In the order they were proposed; those of workspaces that the actor cannot see are left out."""
    rows = list(ToolCall.objects.select_related("instance").filter(run_id=run_id).order_by("id"))
    visible = {workspace for workspace in {row.workspace_id for row in rows} if Perm.VIEW in held(actor, workspace)}
    return [row for row in rows if row.workspace_id in visible]


def instances(actor: Actor) -> QuerySet[ConnectorInstance]:
    if not holds_anywhere(actor, Perm.VIEW):
        return ConnectorInstance.objects.none()
    return ConnectorInstance.objects.order_by("name")


def instance(actor: Actor, instance_id: UUID) -> ConnectorInstance:
    found = instances(actor).filter(pk=instance_id).first()
    if found is None:
        raise InstanceNotFound()
    return found


@dataclass(frozen=True, slots=True)
class Images:
    """The target before and after a write, and the undo in words. `withheld` says why there is nothing to see."""

    before: JsonObject | None = None
    after: JsonObject | None = None
    undo: str = ""
    withheld: str = ""


def images(actor: Actor, call: ToolCall) -> Images:
    """For those who may see content; it expires, and tenants that did not opt in never kept it."""
    if Perm.VIEW_PAYLOADS not in held(actor, call.workspace_id, call.environment_id):
        return Images(withheld="Seeing content needs the permission “View payloads”.")
    try:
        before, after, recipe = map(_kept, (call.before_digest, call.after_digest, call.undo_digest))
    except PayloadExpired:
        return Images(withheld="The content has expired. Its digests stay in the evidence.")
    return Images(before, after, str((recipe or {}).get("summary", "")))


def _kept(digest: str) -> JsonObject | None:
    content: JsonObject | None = payloads.get_json(digest) if digest else None
    return content


@dataclass(frozen=True, slots=True)
class Health:
    """A connector instance, judged by its calls of the last hour. `state` UNSEEN, HEALTHY, DEGRADED, DOWN or OFF."""

    instance: ConnectorInstance
    calls: int
    failed: int
    last_good_at: datetime | None

    @property
    def circuit(self) -> Circuit:
        """The breaker as it stands; one that was never needed is closed."""
        return getattr(self.instance, "circuit", None) or Circuit(instance=self.instance)

    @property
    def state(self) -> str:
        if not self.instance.enabled:
            return "OFF"
        if self.circuit.state != CircuitState.CLOSED:
            return "DOWN"
        if not self.calls:
            return "UNSEEN"
        return "HEALTHY" if not self.failed else "DOWN" if self.failed == self.calls else "DEGRADED"

    @property
    def words(self) -> str:
        return f"{self.calls} calls, {self.failed} failed" if self.calls else "no call in the last hour"

    @property
    def next_try_at(self) -> datetime | None:
        """When one forward call may try an open circuit; None while it is closed."""
        return self.circuit.next_try_at


def health(actor: Actor) -> list[Health]:
    """Every instance of the tenant; what has failed is what did not settle well, denied calls do not count."""
    hour = Q(calls__settled_at__gte=clock.now() - timedelta(hours=1))
    settled = (
        instances(actor)
        .select_related("circuit")
        .annotate(
            settled=Count("calls", filter=hour & Q(calls__state__in=[CallState.SUCCEEDED, *_FAILED])),
            failed=Count("calls", filter=hour & Q(calls__state__in=_FAILED)),
            last_good_at=Max("calls__settled_at", filter=hour & Q(calls__state=CallState.SUCCEEDED)),
        )
    )
    return [Health(row, row.settled, row.failed, row.last_good_at) for row in settled]


def reconcile_tasks(
    actor: Actor, *, every: bool = False, before: UUID | None = None, limit: int = 50
) -> list[ReconcileTask]:
    """What waits for a person's answer, newest first; `every`: the answered ones too."""
    rows = _tasks(actor) if every else _tasks(actor).filter(state=ReconcileTask.State.OPEN)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[: min(limit, _MOST)])


def count_reconcile_tasks(actor: Actor, *, cap: int = 1_000) -> int:
    return _tasks(actor).filter(state=ReconcileTask.State.OPEN).values("pk")[:cap].count()


def reconcile_task(actor: Actor, task_id: UUID) -> ReconcileTask:
    """Raises TaskNotFound also for a task of a workspace that the actor does not see."""
    found = _tasks(actor).filter(pk=task_id).first()
    if found is None:
        raise TaskNotFound()
    return found


def looks(call: ToolCall) -> list[CallProbe]:
    """Every answer that the target gave about a call, oldest first."""
    return list(CallProbe.objects.filter(call=call).order_by("attempt", "number"))


def _tasks(actor: Actor) -> QuerySet[ReconcileTask]:
    rows = ReconcileTask.objects.filter(workspace_id__in=workspace_ids(actor))
    return rows.select_related("call", "call__instance")


def tenant_of_endpoint(token: str) -> UUID:
    """The tenant behind an opaque path token; raises EndpointNotFound. Needs no scope, reads ids only."""
    digest = bytes.fromhex(sha256_hex(token.encode()))
    with connection.cursor() as cursor:
        cursor.execute("SELECT routing.webhook_tenant(%s)", [digest])
        row = cursor.fetchone()
    if row is None or row[0] is None:
        raise EndpointNotFound()
    return UUID(str(row[0]))


def endpoint(token: str, scheme: str) -> WebhookEndpoint:
    """The enabled endpoint of the entered tenant; raises EndpointNotFound."""
    digest = bytes.fromhex(sha256_hex(token.encode()))
    found = (
        WebhookEndpoint.objects.select_related("instance", "service")
        .filter(token_digest=digest, scheme=scheme, enabled=True)
        .first()
    )
    if found is None:
        raise EndpointNotFound()
    return found


def listening_endpoints() -> list[WebhookEndpoint]:
    """Where a line of Socket Mode is wanted, of the entered tenant."""
    rows = WebhookEndpoint.objects.select_related("instance", "service")
    return list(rows.filter(scheme=WebhookEndpoint.Scheme.SLACK_SOCKET, enabled=True, instance__enabled=True))


def listening_endpoint(endpoint_id: UUID) -> WebhookEndpoint:
    """One of them; raises EndpointNotFound."""
    found = next((one for one in listening_endpoints() if one.pk == endpoint_id), None)
    if found is None:
        raise EndpointNotFound()
    return found


def slack_identity(team_id: str, slack_user_id: str) -> SlackIdentity | None:
    return SlackIdentity.objects.select_related("user").filter(team_id=team_id, slack_user_id=slack_user_id).first()
