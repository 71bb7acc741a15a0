"""Keys, heads and who outside has seen them, as a few tables."""

from typing import Any

from controlplane.cli import output
from controlplane.cli.output import Format

KEYS = ("kid", "use", "state", "not_before", "not_after", "revoked_at")
LOGS = ("label", "size", "signed_size", "signed_at", "seen_by", "late", "frozen_reason")
EPOCHS = ("at", "log", "origin", "kept", "signed", "reason")
SET_ASIDE = ("at", "log", "event_id", "reason")


def show(found: dict[str, Any]) -> None:
    output.say(_keyring(found["ring"]))
    output.rows((found["ring"] or {}).get("keys", []), KEYS, Format.TABLE, "no key yet")
    output.say(found["problem"] or _outside(found))
    output.rows([{**log, "seen_by": _seen(log)} for log in found["logs"]], LOGS, Format.TABLE, "no log yet")
    output.rows(found["epochs"], EPOCHS, Format.TABLE, "no log had to begin a new epoch")
    output.rows(found["set_aside"], SET_ASIDE, Format.TABLE, "nothing was set aside")
    output.say(_guard(found["guard"]))


def _keyring(ring: dict[str, Any] | None) -> str:
    return f"keyring {ring['version']}, signed by {', '.join(ring['signed_by'])}" if ring else "no keyring yet"


def _outside(found: dict[str, Any]) -> str:
    named = [*found["authorities"], *found["witnesses"], *found["places"]]
    return f"outside: {', '.join(named)}" if named else "nobody outside is named to show heads to"


def _seen(log: dict[str, Any]) -> str:
    seen = [*log["stamps"], *log["cosignatures"], *log["pushes"]]
    return ", ".join(f"{one['by']} {one['size']} at {one['at'] or 'an unknown time'}" for one in seen)


def _guard(guard: dict[str, Any] | None) -> str:
    if guard is None:
        return "the guards of the record were not attested yet"
    state = f"down: {'; '.join(guard['faults'])}" if guard["faults"] else "stand"
    return f"the guards of the record {state}, attested at {guard['attested_at']}"
