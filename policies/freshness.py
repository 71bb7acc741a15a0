"""The freshness statement: a short signed word that this bundle is the current one, for a few minutes. Pure.

A bundle alone proves nothing about now; whoever stops our news would freeze an old policy in place. So every third
of the lifetime a new statement is signed, and without a valid one there is only DENY.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from policies import jws

SKEW_NS = 2_000_000_000
"""How far the clocks of two of our hosts may differ."""

_TYPE = "interlock-freshness+jwt"


@dataclass(frozen=True, slots=True)
class Statement:
    """For one environment: which bundle, under which sequence number, from when until when (ns since the epoch)."""

    tenant: str
    environment: str
    sha256: str
    revision: str
    seq: int
    issued_ns: int
    not_after_ns: int

    def signed(self, *, key: ec.EllipticCurvePrivateKey, kid: str) -> str:
        return jws.sign(asdict(self), key=key, kid=kid, typ=_TYPE)

    def covers(self, now_ns: int) -> bool:
        """True within the lifetime; a clock that stands before the issue has stepped back, which is stale."""
        return self.issued_ns - SKEW_NS <= now_ns < self.not_after_ns


def read(token: str, *, keys: Mapping[str, ec.EllipticCurvePublicKey]) -> Statement:
    """The statement in a token; raises jws.BadToken."""
    payload: dict[str, Any] = jws.verify(token, keys=keys, typ=_TYPE)
    try:
        return Statement(**payload)
    except TypeError as error:
        raise jws.BadToken("not a freshness statement") from error


LONGEST_NS = 900_000_000_000
"""No statement lives longer."""

HOLD_NS = LONGEST_NS + 2 * SKEW_NS
"""After a clock went back this much steady time must pass: whatever was out of date before is then so again."""


@dataclass(slots=True)
class _Seen:
    """The highest time seen; and while a step back is waited out, the time and the steady time at its beginning."""

    highest_ns: int
    held_at_ns: int = 0
    held_steady_ns: int | None = None


class Watch:
    """Notices a wall clock that steps back within this process, per subject.

    Who can set the clock back could bring a statement that has run out back to life. So a step back is stale, for as
    long as any statement lives; then the clock is believed again. A new subject (another activation) starts afresh.
    """

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def stepped_back(self, subject: str, now_ns: int, steady_ns: int) -> bool:
        """`steady_ns`: of a clock that never steps."""
        seen = self._seen.setdefault(subject, _Seen(now_ns))
        if now_ns >= seen.highest_ns - SKEW_NS:
            seen.highest_ns, seen.held_steady_ns = max(seen.highest_ns, now_ns), None
            return False
        if seen.held_steady_ns is None or now_ns < seen.held_at_ns + (steady_ns - seen.held_steady_ns) - SKEW_NS:
            seen.held_at_ns, seen.held_steady_ns = now_ns, steady_ns
        if steady_ns - seen.held_steady_ns < HOLD_NS:
            return True
        seen.highest_ns, seen.held_steady_ns = now_ns, None
        return False
