"""What of a decision's input may be shown to those who may not see content: what it is about, never what it says. Pure.

A closed list of members that hold names, numbers and classes. What is not on it is withheld, so that a member that
the contract gains later is not shown by accident.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

WITHHELD = "[withheld]"

_SHOWN: MappingProxyType[str, frozenset[str] | None] = MappingProxyType(
    {
        **dict.fromkeys(("schema", "request_id", "pep", "tenant", "workspace", "environment", "action", "phase")),
        **dict.fromkeys(("action_digest", "approvals")),
        "subject": frozenset({"id", "type", "roles", "on_behalf_of"}),
        "resource": frozenset(
            {
                *("type", "tool", "tool_version", "connector", "kind", "risk", "reversibility", "data_classes"),
                *("model", "provider", "workflow", "workflow_version", "step", "step_kind", "approval_floor"),
            }
        ),
        "context": frozenset({"now_ns", "lane", "run_id", "attempt", "spend", "estimate", "writes_so_far"}),
    }
)
"""Member → its members that are shown; None: the whole of it."""


def withheld(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which everything that may be content says only that it is there."""
    return {name: _member(name, value) for name, value in document.items()}


def _member(name: str, value: Any) -> Any:
    if name not in _SHOWN:
        return WITHHELD
    shown = _SHOWN[name]
    if shown is None:
        return value
    if not isinstance(value, Mapping):
        return WITHHELD
    return {inner: each if inner in shown else WITHHELD for inner, each in value.items()}
