"""What the canary of enforcement proves, and the light that shows it. Pure.

The canary is a call that nobody grants. What matters is not that it is stopped but that policy stops it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

FRESH = timedelta(minutes=2)
"""A proof that is older says nothing about now."""


class Outcome(StrEnum):
    """`HELD`: denied by a rule. `CLOSED`: denied because policy itself is in doubt; then everything is.
    `UNPROVEN`: it could not be put through. `PASSED`: it was not denied."""

    HELD = "held"
    CLOSED = "closed"
    UNPROVEN = "unproven"
    PASSED = "passed"


class Light(StrEnum):
    """Worst last; a page shows the worst of what its reader may see."""

    ENFORCING = "enforcing"
    UNKNOWN = "unknown"
    LATE = "late"
    DENYING = "denying"
    FAILED = "failed"


WORDS = {
    Light.ENFORCING: "Policy enforced",
    Light.UNKNOWN: "Enforcement not yet known",
    Light.LATE: "Proof of enforcement is late",
    Light.DENYING: "Policy denies everything",
    Light.FAILED: "POLICY NOT ENFORCED",
}
MEANING = {
    Light.ENFORCING: "A call that nobody grants was put through the gateway within two minutes, and policy denied it.",
    Light.UNKNOWN: "No canary has run here yet. The sweeper puts one through each minute.",
    Light.LATE: "The last canary is older than two minutes, or could not be put through: is the sweeper running?",
    Light.DENYING: "The canary was denied because no policy could be asked. Every other call is denied as well.",
    Light.FAILED: "A call that nobody grants was not denied. Engage the kill switch and look at the decision.",
}
_LIGHTS = {
    Outcome.HELD: Light.ENFORCING,
    Outcome.CLOSED: Light.DENYING,
    Outcome.UNPROVEN: Light.LATE,
    Outcome.PASSED: Light.FAILED,
}


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one environment. `tried_at` None: nothing yet."""

    outcome: Outcome = Outcome.UNPROVEN
    tried_at: datetime | None = None


def light_of(proof: Proof, now: datetime) -> Light:
    """A failure stays one until a later canary is denied; everything else is believed for two minutes only."""
    if proof.tried_at is None:
        return Light.UNKNOWN
    light = _LIGHTS[proof.outcome]
    old = not -FRESH <= now - proof.tried_at <= FRESH
    return Light.LATE if old and light is not Light.FAILED else light


def worst(lights: list[Light]) -> Light:
    """Of several environments; without any, nothing is known."""
    return max(lights, key=list(Light).index, default=Light.UNKNOWN)
