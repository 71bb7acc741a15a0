"""send: outside any transaction, through the driver, once. What the vendor answered is an outcome.

The last halt check and the send window stand right before the first byte, so a worker that slept past either
sends nothing.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from uuid import UUID

from django.db import DatabaseError, transaction

from connectors import stalls
from connectors.calls import Lane
from connectors.errors import SendAborted
from connectors.gateway import clocks, scopes, tools
from connectors.gateway.binding import Bound
from connectors.gateway.dispatch import Ticket
from connectors.models import ConnectorInstance, ToolCall
from connectors.types import CallContext, NotSent, Outcome, Unknown, WriteVerbs
from controlplane.lib import clock
from controlplane.lib.logs import get_logger
from controlplane.lib.telemetry import span
from evidence.services import wait_sealed
from tenants import halts, vault
from tenants.errors import CredentialMissing, HaltsUnreadable

log = get_logger(__name__)

CLOCK_SKEW_S = 300
"""How far a vendor's clock may be behind ours."""


def send(call: ToolCall, bound: Bound, ticket: Ticket, *, sealed: bool) -> Outcome:
    """Do it. A defect of the driver is Unknown too: nobody can say what had left by then."""
    if sealed and not wait_sealed(ticket.intent_event_id, clocks.SEAL_TIMEOUT_S):
        return NotSent("seal_timeout", "no signed checkpoint covered the intent in time")
    try:
        context = context_for(call, bound.draft.instance, gate=gate(call, ticket.window_ends))
    except CredentialMissing as missing:
        return NotSent(missing.code, missing.detail)
    with span("tool.send", tool=call.tool, call_id=str(call.pk), attempt=call.attempts):
        try:
            with _guarded(bound, context):
                return bound.tool.verbs.do(context, bound.action.args, bound.action.expected)
        except SendAborted as stop:
            return NotSent(stop.code, stop.detail)
        except Exception:
            log.exception("the driver of %s failed", call.tool)
            return Unknown("driver_failed")


def context_for(call: ToolCall, instance: ConnectorInstance, *, gate: Callable[[], None]) -> CallContext:
    """Plaintext secrets live in this object and nowhere else. Raises CredentialMissing."""
    tool = tools.resolve(instance, call.tool, call.tool_version)
    return CallContext(
        instance=tools.address(instance),
        credentials=_credentials(instance),
        marker=call.marker,
        deadline=clock.monotonic() + clocks.deadline_s(tool.action.deadline_s),
        on_first_byte=gate,
        again=call.attempts > 1,
        since=call.created_at.timestamp() - CLOCK_SKEW_S,
    )


def gate(call: ToolCall, window_ends: float) -> Callable[[], None]:
    """What stands before every request: the send window once, the kill switch each time."""
    opened: list[UUID] = []

    def check() -> None:
        if not opened and clock.monotonic() >= window_ends:
            raise SendAborted("window_closed", "the worker slept past its send window")
        _require_no_halt(call)
        opened.append(call.pk)

    return check


def probe_gate() -> None:
    """Looking is allowed in a freeze: it changes nothing and ends the doubt."""


def _guarded(bound: Bound, context: CallContext) -> AbstractContextManager[None]:
    """A write is sent by nobody who sleeps through its deadline."""
    return stalls.ended_after(context.deadline) if is_write(bound) else nullcontext()


def is_write(bound: Bound) -> bool:
    return isinstance(bound.tool.verbs, WriteVerbs)


def _require_no_halt(call: ToolCall) -> None:
    """Unlocked read: whatever committed before this byte stops it."""
    try:
        with transaction.atomic():
            halt = scopes.closing(halts.active(scopes.of(call)), Lane(call.lane))
    except (HaltsUnreadable, DatabaseError) as error:
        raise SendAborted("halts_unreadable") from error
    if halt is not None:
        raise SendAborted("halted", f"{halt.kind} halt: {halt.reason}")


@transaction.atomic
def _credentials(instance: ConnectorInstance) -> dict[str, bytes]:
    return {slot: vault.reveal(ref) for slot, ref in sorted(instance.credentials.items())}
