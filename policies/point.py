"""The decision point of this process, as settings describe it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import MappingProxyType

from django.conf import settings

from policies.engine.embedded import EmbeddedPoint
from policies.engine.protocol import DecisionPoint
from policies.keyring import KeyRing

_replaced: list[DecisionPoint] = []


def current() -> DecisionPoint:
    """Made at the first question, so that a pre-fork server never starts it in the parent."""
    return _replaced[-1] if _replaced else _POINTS[settings.INTERLOCK_PDP]()


@contextmanager
def replaced_by(point: DecisionPoint) -> Iterator[None]:
    """Ask another point inside the block: simulation, and tests of what happens when it fails."""
    _replaced.append(point)
    try:
        yield
    finally:
        _replaced.remove(point)


def keyring() -> KeyRing:
    return KeyRing(settings.INTERLOCK_DATA_DIR / "keys" / "policy")


@cache
def _embedded() -> DecisionPoint:
    return EmbeddedPoint(deadline_s=_deadline_s(), confined_only=settings.INTERLOCK_PRODUCTION)


@cache
def _server() -> DecisionPoint:
    from policies.engine.egress_opa import Address, ServerPoint  # a fifth of a second, only where it is used

    files = {"token_file": settings.INTERLOCK_OPA_TOKEN_FILE, "ca_file": settings.INTERLOCK_OPA_CA_FILE}
    return ServerPoint(Address(settings.INTERLOCK_OPA_URL, **files), deadline_s=_deadline_s())


def _deadline_s() -> float:
    return float(settings.INTERLOCK_PDP_DEADLINE_MS) / 1000


_POINTS: Mapping[str, Callable[[], DecisionPoint]] = MappingProxyType({"embedded": _embedded, "server": _server})
