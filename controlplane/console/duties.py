"""What an obligation of a decision asks of the gateway, as a sentence. Pure."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from controlplane.console.templatetags.console import lasting

Duty = Mapping[str, Any]


def _approval(duty: Duty) -> str:
    people = "1 person" if duty["quorum"] == 1 else f"{duty['quorum']} people"
    others = " of different roles" if duty["distinct_roles"] else ""
    among = f", among them {', '.join(duty['roles'])}" if duty.get("roles") else ""
    return f"{people}{others}{among} must approve, tier {duty['tier']}, within {lasting(duty['expires_s'])}."


def _cap(duty: Duty) -> str:
    return f"The argument {duty['path']} was lowered to at most {duty['max']} before it was decided again."


def _set(duty: Duty) -> str:
    return f"The argument {duty['path']} was set to {json.dumps(duty['value'])} before it was decided again."


_WORDS: Mapping[str, Callable[[Duty], str]] = MappingProxyType(
    {
        "approval": _approval,
        "cap": _cap,
        "set": _set,
        "redact": lambda duty: f"The argument {duty['path']} was blanked before it was decided again.",
        "notify": lambda duty: f"{duty['channel']} is told.",
        "require_reason": lambda _: "The action needs a reason.",
        "seal_before_send": lambda _: "Nothing is sent before the intent is under a signed checkpoint.",
    }
)


def told(duty: Duty) -> tuple[str, str]:
    """Its type and its sentence; one that is not in the table, or lacks a member, is shown as it is."""
    kind = str(duty.get("type", ""))
    try:
        return kind, _WORDS[kind](duty)
    except (KeyError, TypeError):
        return kind, json.dumps(duty, ensure_ascii=False, sort_keys=True)
