"""One vocabulary for every state that a page shows: a tone, a shape and a word, never a colour alone."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Status:
    """`tone` is a CSS class of parts.css: run, wait, ok, bad or off."""

    tone: str
    shape: str
    word: str


_TONES: MappingProxyType[str, tuple[str, str, str]] = MappingProxyType(
    {
        "run": ("run", "●", "RUNNING DISPATCHED COMPENSATING READY REPLAYED PROBING"),
        "wait": (
            "wait",
            "◷",
            "WAITING WAITING_APPROVAL PENDING QUEUED RETRYING THROTTLED THROTTLE HALTED REQUESTED "
            "DEGRADED UNKNOWN LATE REQUIRE_HITL REQUIRE_STEP_UP FAILED_TRANSIENT",
        ),
        "ok": (
            "ok",
            "✓",
            "SUCCEEDED APPROVED CONSUMED ALLOW ROUTE ENFORCING HEALTHY OK ACTIVE CONFIRMED RESTORED VERIFIED DONE "
            "REDRIVEN CHECKED",
        ),
        "bad": (
            "bad",
            "✕",
            "FAILED REJECTED DENIED DENY DENYING NEEDS_ATTENTION CONFLICT FAILED_PERMANENT DEAD DOWN REFUSED",
        ),
        "undone": ("off", "↺", "COMPENSATED ROLLED_BACK OFFSET"),
        "off": (
            "off",
            "○",
            "PROPOSED CANCELLED SKIPPED EXPIRED VOIDED ABANDONED NOT_SENT UNSEEN OFF PAUSED STOPPED DISMISSED "
            "DRAFT WITHDRAWN",
        ),
    }
)

_WORDS: MappingProxyType[str, str] = MappingProxyType(
    {
        "CONSUMED": "approved and carried out",
        "REQUIRE_HITL": "needs a person",
        "REQUIRE_STEP_UP": "needs a second factor",
    }
)

STATUSES: MappingProxyType[str, Status] = MappingProxyType(
    {
        state: Status(tone, shape, _WORDS.get(state, state.lower().replace("_", " ")))
        for tone, shape, states in _TONES.values()
        for state in states.split()
    }
)


def status(state: object) -> Status:
    """The display of a state; one that is not in the table shows its own name, in grey."""
    name = str(state)
    return STATUSES.get(name.upper()) or Status("off", "○", name.lower().replace("_", " "))
