"""What a call may cost, and what it did use, in the words of metering."""

from connectors.gateway import tools
from connectors.gateway.binding import Bound
from connectors.models import ToolCall
from connectors.types import Kind, ModelUsage
from controlplane.lib.canonical import canonical
from metering import services as metering
from metering.types import Usage

BYTES_PER_TOKEN = 3
"""On the safe side: English text has about four bytes per token, JSON fewer."""

DEFAULT_TOKENS_OUT = 1024


def estimate(call: ToolCall, bound: Bound) -> int | None:
    """Micro-USD that the call may cost; None when it has no price."""
    usage = estimated(call, bound)
    cost = metering.estimate(
        provider=usage.provider,
        model=usage.model,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        tool_calls=usage.tool_calls,
    )
    return cost.micros if cost.known else None


def estimated(call: ToolCall, bound: Bound) -> Usage:
    """What is booked when nobody can say what was used."""
    provider = tools.provider_of(bound.draft.instance)
    if call.kind != Kind.MODEL:
        return Usage(provider, tool_calls=1, estimated=True)
    args = bound.draft.args
    return Usage(
        provider=provider,
        model=str(args.get("model", "")),
        tokens_in=len(canonical(args)) // BYTES_PER_TOKEN + 1,
        tokens_out=int(args.get("max_tokens", DEFAULT_TOKENS_OUT)),
        estimated=True,
    )


def used(call: ToolCall, told: ModelUsage | None) -> Usage:
    """What the driver reports; a tool call counts as one call of its connector."""
    if told is None:
        return Usage(tools.provider_of(call.instance), tool_calls=1)
    return Usage(
        provider=told.provider,
        model=told.model,
        tokens_in=told.tokens_in,
        tokens_cached=told.tokens_cached,
        tokens_out=told.tokens_out,
        estimated=told.estimated,
    )
