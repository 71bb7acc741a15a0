"""What a page asks several times is asked of the database once, while that page is read and no longer.

Only around requests that change nothing: a verb always asks anew, and so does the next page.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
_known: ContextVar[dict[Hashable, Any] | None] = ContextVar("known", default=None)


@contextmanager
def per_reading() -> Iterator[None]:
    """Around one reading transaction."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def ask(key: Hashable, question: Callable[[], T]) -> T:
    """The answer; outside a reading the question is put each time."""
    known = _known.get()
    if known is None:
        return question()
    if key not in known:
        known[key] = question()
    answer: T = known[key]
    return answer


def reading() -> bool:
    return _known.get() is not None
