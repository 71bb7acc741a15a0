"""Ports: how a lower app calls an upper one without importing it.

The lower app declares the port, the upper app binds it once in `AppConfig.ready()`. Unbound, it raises.
"""

from typing import Generic, TypeVar

T = TypeVar("T")


class Unbound(RuntimeError):
    """The port was used before the application was composed."""


class AlreadyBound(RuntimeError):
    """Two implementations claim the same port."""


class Port(Generic[T]):
    def __init__(self, name: str) -> None:
        self._name = name
        self._bound: T | None = None

    def bind(self, implementation: T) -> None:
        if self._bound is not None and self._bound is not implementation:
            raise AlreadyBound(self._name)
        self._bound = implementation

    def get(self) -> T:
        if self._bound is None:
            raise Unbound(self._name)
        return self._bound
