"""A reminder or an escalation of a request that waits, where its cards are. A governed call itself."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from approvals.models import ApprovalRequest
from approvals.people import who_administers
from approvals.types import Stage
from connectors import wakeups
from connectors.gateway import proposal, telling
from connectors.models import ConnectorInstance, ToolCall
from connectors.slack import blocks
from connectors.types import JsonObject
from tenants import scope
from tenants.actors import Actor
from tenants.models import User

_MOST_NAMES = 10
_WORDS = {Stage.REMINDER: "Still waiting", Stage.ESCALATION: "Nearly out of time"}


def nudge(*, request_id: UUID, stage: Stage, asked: Sequence[UUID], deadline: datetime) -> None:
    """Bound to `approvals.ports.nudged`: written down with what it tells of, sent after it."""
    request = ApprovalRequest.objects.get(pk=request_id)
    call = ToolCall.objects.filter(pk=request.call_id).first()
    if call is None:
        return
    for instance in wakeups.card_instances():
        args = {"channel": instance.config["approvals_channel"], **_content(request, stage, asked, deadline)}
        _order(call, instance, args, key=f"nudge:{request.pk}:{stage}:{instance.name}")


def _order(call: ToolCall, instance: ConnectorInstance, args: JsonObject, *, key: str) -> None:
    if ToolCall.objects.filter(idempotency_key=key).exists():
        return
    system = Actor.system(scope.current(), telling.PART)
    notice = proposal.write_down(spec=telling.message(call, instance, args, key), actor=system)
    wakeups.send_notice(call_id=notice.pk)


def _content(request: ApprovalRequest, stage: Stage, asked: Sequence[UUID], deadline: datetime) -> JsonObject:
    title = f"{_WORDS[stage]}: {request.title}"
    lines = [f"It expires at {deadline:%H:%M} UTC, and that is a no.", f"Could decide: {_names(asked) or 'nobody'}."]
    if stage is Stage.ESCALATION:
        lines.append(f"Can give others the right to: {_names(who_administers(request)) or 'nobody'}.")
    about = f"ticket {request.ticket or '–'} · request {request.pk} · tier {request.tier}"
    return {"text": title, "blocks": blocks.notice(title=title, lines=lines, about=about)}


def _names(people: Sequence[UUID]) -> str:
    labels = sorted(user.label for user in User.objects.filter(pk__in=people))
    more = f" and {len(labels) - _MOST_NAMES} more" if len(labels) > _MOST_NAMES else ""
    return ", ".join(labels[:_MOST_NAMES]) + more
