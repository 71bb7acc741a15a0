"""What a decision asks the gateway to change before the call, and what it asks of the approval. Pure.

Obligations on arguments are idempotent: applying them twice changes nothing more. An unknown one is an error,
which the gateway turns into a DENY.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from connectors.types import JsonObject
from tenants.roles import Role

REDACTED = "[redacted]"


class ObligationUnsupported(ValueError):
    """The gateway cannot carry this out, so the action may not go ahead."""


def apply(args: JsonObject, obligations: Sequence[Mapping[str, Any]]) -> JsonObject:
    """A changed copy of `args`; raises ObligationUnsupported."""
    changed = copy.deepcopy(args)
    for obligation in obligations:
        _on_args(obligation)(changed, obligation)
    return changed


def wants_seal(obligations: Sequence[Mapping[str, Any]]) -> bool:
    """True when the intent must be under a signed checkpoint before the first byte."""
    return any(o.get("type") == "seal_before_send" for o in obligations)


def wants_reason(obligations: Sequence[Mapping[str, Any]]) -> bool:
    """True when nothing may go ahead of which nobody has said why."""
    return any(o.get("type") == "require_reason" for o in obligations)


def wants_undo(obligations: Sequence[Mapping[str, Any]]) -> bool:
    """True when what was done is to be taken back. Asked before anything was done, nobody can do that."""
    return any(o.get("type") == "compensate" for o in obligations)


def channels(obligations: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where people are to be told."""
    return sorted({str(o["channel"]) for o in obligations if o.get("type") == "notify"})


def approval_terms(obligations: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The terms of the approval that policy asks for; empty when it names none."""
    terms: dict[str, Any] = {}
    for obligation in obligations:
        if obligation.get("type") == "approval":
            terms.update(obligation)
    return MappingProxyType(terms)


def _on_args(obligation: Mapping[str, Any]) -> Callable[[JsonObject, Mapping[str, Any]], None]:
    kind = str(obligation.get("type"))
    if kind not in _TABLE:
        raise ObligationUnsupported(f"obligation {kind!r}")
    return _TABLE[kind]


def _redact(args: JsonObject, obligation: Mapping[str, Any]) -> None:
    holder, key = _place(args, obligation)
    if key in holder:
        holder[key] = REDACTED


def _cap(args: JsonObject, obligation: Mapping[str, Any]) -> None:
    holder, key = _place(args, obligation)
    most = obligation.get("max")
    if not isinstance(most, int):
        raise ObligationUnsupported("cap without an integer `max`")
    value = holder.get(key, most)
    if not isinstance(value, int):
        raise ObligationUnsupported("cap on something that is not an integer")
    holder[key] = min(value, most)


def _set(args: JsonObject, obligation: Mapping[str, Any]) -> None:
    holder, key = _place(args, obligation)
    holder[key] = copy.deepcopy(obligation.get("value"))


def _approval(args: JsonObject, obligation: Mapping[str, Any]) -> None:  # noqa: ARG001 - as in _TABLE
    unknown = sorted(set(obligation.get("roles", ())) - {role.value for role in Role})
    if unknown:
        raise ObligationUnsupported(f"an approval by roles that nobody can hold: {', '.join(unknown)}")


def _elsewhere(args: JsonObject, obligation: Mapping[str, Any]) -> None:
    """Carried out by another part of the gateway, not on the arguments."""


def _place(args: JsonObject, obligation: Mapping[str, Any]) -> tuple[JsonObject, str]:
    """The object and key that `path` (`fields.impact`) names; intermediate objects must exist."""
    *parents, key = str(obligation.get("path", "")).split(".")
    if not key:
        raise ObligationUnsupported("obligation without a path")
    holder: Any = args
    for parent in parents:
        holder = holder.get(parent) if isinstance(holder, dict) else None
    if not isinstance(holder, dict):
        raise ObligationUnsupported(f"nothing at {obligation.get('path')!r}")
    return holder, key


_TABLE: Mapping[str, Callable[[JsonObject, Mapping[str, Any]], None]] = MappingProxyType(
    {
        "redact": _redact,
        "cap": _cap,
        "set": _set,
        "approval": _approval,
        "seal_before_send": _elsewhere,
        "require_reason": _elsewhere,
        "notify": _elsewhere,
    }
)
