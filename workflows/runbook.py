"""What a person does by hand when an undo could not go on: one line per effect that still stands. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

LINES: Mapping[str, str] = MappingProxyType(
    {
        "conflict": "Somebody changed {target} after this run wrote it ({why}). Nothing of theirs was overwritten."
        " Agree with them what should stand.",
        "compensation_denied": "Policy does not allow the undo ({why}). Have the policy changed, or undo it by hand.",
        "compensation_rejected": "A person refused the undo ({why}). Ask them, or undo it by hand.",
        "compensation_expired": "Nobody decided on the undo in time. Undo it by hand.",
        "compensation_failed": "The undo failed ({why}). Undo it by hand.",
    }
)
BY_HAND = "By hand on {target}: {undo}."
BEFORE = "put back what it read before (see Calls and writes)"
THEN = "Then settle the run: rolled back, or left as it is."


@dataclass(frozen=True, slots=True)
class Line:
    """`step` as in the definition, `label` of its undo (CONFLICT, FAILED or none), `text` for people."""

    step: str
    code: str
    label: str
    text: str


def line(*, step: str, code: str, label: str, detail: str, target: str, undo: str) -> Line:
    """`undo`: the planned undo in words, empty when it is unknown or withheld; an unknown code is a failed undo."""
    pattern = LINES.get(code, LINES["compensation_failed"])
    told = pattern.format(target=target, why=detail.rstrip(".") or code)
    hand = BY_HAND.format(target=target, undo=(undo or BEFORE).rstrip("."))
    return Line(step, code, label, f"{told} {hand} {THEN}")
