"""ROUTE: policy sends the call to another connector instance or model; it is then decided again."""

from collections.abc import Sequence

from connectors.gateway.binding import Draft
from connectors.gateway.errors import InstanceUnusable
from connectors.gateway.proposal import usable_instance
from connectors.models import ConnectorInstance, ToolCall
from connectors.types import Kind


def follow(call: ToolCall, draft: Draft, route: Sequence[str]) -> Draft:
    """The first candidate that can be used, as `instance` or `instance/model`; raises InstanceUnusable."""
    for candidate in route:
        name, _, model = candidate.partition("/")
        instance = _usable(name)
        if instance is not None and not (model and call.kind != Kind.MODEL):
            return Draft(instance, {**draft.args, "model": model} if model else draft.args)
    raise InstanceUnusable("no candidate of the route can be used")


def _usable(name: str) -> ConnectorInstance | None:
    try:
        return usable_instance(name)
    except InstanceUnusable:
        return None
