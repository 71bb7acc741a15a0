"""notify: people are told of a decision, by a message of the platform that is a governed call itself.

The message is written down in the transaction that decides, once per call, phase, effect and channel, and sent after
it. It is granted by the system pack as approval cards are; a message of the platform is not told of once more.
"""

from connectors import wakeups
from connectors.calls import CallSpec, Lane
from connectors.events import NoticeOrdered
from connectors.gateway import obligations, proposal, tools
from connectors.models import ConnectorInstance, ToolCall
from connectors.slack import blocks
from connectors.types import JsonObject
from controlplane.lib.canonical import digest
from evidence.services import record
from policies.types import Decision, Phase
from tenants import scope
from tenants.actors import Actor

PART = "policy-notices"
TOOL = "slack.message.post"
STEP = "notice"
APPROVALS = "approvals"
"""The channel of that name is where the instance shows its approval cards."""

_MOST_REASONS = 5


def require_somebody(call: ToolCall, decision: Decision) -> None:
    """Raises ObligationUnsupported when policy wants people told and there is no channel to tell them in."""
    if _channels(call, decision) and not wakeups.card_instances():
        raise obligations.ObligationUnsupported("nobody can be notified: no Slack instance names a channel")


def order(call: ToolCall, decision: Decision, phase: Phase, *, actor: Actor) -> bool:
    """Write down what is to be told, inside the open transaction; False when there is nowhere to tell it."""
    wanted = _channels(call, decision)
    instances = wakeups.card_instances() if wanted else []
    for instance in instances:
        for channel in wanted:
            _order(call, decision, phase, instance, channel, actor)
    return bool(instances) or not wanted


def _channels(call: ToolCall, decision: Decision) -> list[str]:
    return [] if call.lane == Lane.SYSTEM else obligations.channels(decision.obligations)


def _order(
    call: ToolCall, decision: Decision, phase: Phase, instance: ConnectorInstance, channel: str, actor: Actor
) -> None:
    key = _key(call, decision, phase, instance, channel)
    if ToolCall.objects.filter(idempotency_key=key).exists():
        return
    args = {"channel": _address(instance, channel), **_content(call, decision, phase)}
    notice = proposal.write_down(spec=message(call, instance, args, key), actor=Actor.system(scope.current(), PART))
    event = NoticeOrdered(call.pk, call.tool, decision.id, phase.value, channel, notice.pk)
    record(event, actor=actor, workspace_id=call.workspace_id, run_id=call.told_run_id)
    wakeups.send_notice(call_id=notice.pk)


def _key(call: ToolCall, decision: Decision, phase: Phase, instance: ConnectorInstance, channel: str) -> str:
    where = digest([instance.name, channel])[:16]
    return f"notice:{call.pk}:{phase}:{decision.effect}:{where}"


def _address(instance: ConnectorInstance, channel: str) -> str:
    return str(instance.config["approvals_channel"]) if channel == APPROVALS else channel


def _content(call: ToolCall, decision: Decision, phase: Phase) -> JsonObject:
    """Rules and names, nothing of what the call carries."""
    title = f"{_WORDS[phase]} {decision.effect}: {call.tool}"
    reasons = [f"{reason.rule}: {reason.message}" for reason in decision.reasons[:_MOST_REASONS]]
    about = f"{call.workflow or 'no workflow'} · ticket {call.ticket or '–'} · call {call.pk} · decision {decision.id}"
    return {"text": title, "blocks": blocks.notice(title=title, lines=reasons, about=about)}


def message(call: ToolCall, instance: ConnectorInstance, args: JsonObject, key: str) -> CallSpec:
    """A message of the platform about a call, as `connectors.notices` sends it."""
    return CallSpec(
        run_id=call.run_id,
        workspace_id=call.workspace_id,
        environment_id=call.environment_id,
        tool=TOOL,
        tool_version=tools.pinned_version(instance, TOOL),
        instance=instance.name,
        args=args,
        idempotency_key=key,
        step_id=STEP,
        lane=Lane.SYSTEM,
    )


_WORDS = {Phase.BEFORE: "Policy decided", Phase.AFTER: "Policy found afterwards"}
