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


class Watch:
    """Notices a wall clock that steps back within this process. Highest time seen per subject."""

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}

    def stepped_back(self, subject: str, now_ns: int) -> bool:
        highest = self._highest.get(subject, now_ns)
        self._highest[subject] = max(highest, now_ns)
        return now_ns < highest - SKEW_NS
