"""The decision point of this process, as settings describe it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.conf import settings

from policies.engine.embedded import EmbeddedPoint
from policies.engine.protocol import DecisionPoint
from policies.keyring import KeyRing

_replaced: list[DecisionPoint] = []


def current() -> DecisionPoint:
    """Made at the first question, so that a pre-fork server never starts it in the parent."""
    return _replaced[-1] if _replaced else _embedded()


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
def _embedded() -> EmbeddedPoint:
    deadline_s = settings.INTERLOCK_PDP_DEADLINE_MS / 1000
    return EmbeddedPoint(deadline_s=deadline_s, confined_only=settings.INTERLOCK_PRODUCTION)
