"""Installs the fault points in a process under test: the product's functions are wrapped, its code is untouched.

At each point the process looks whether something is ordered for the run that it works on. Which run that is comes from
the arguments of the functions it is inside of, and from the ids bound to its log.
"""

import functools
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from tests.faults.orders import ANYBODY, Deed, Orders
from tests.faults.points import SITES, WIRE, WIRE_SITE, Moment, Site

FACTS = ("tool", "lane", "step", "step_id", "kind", "state")
DEPTH = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """One site that the process is inside of. `opens`: the transaction that commits is the site's own."""

    site: Site
    runs: frozenset[str]
    facts: Mapping[str, str]
    opens: bool


_frames: ContextVar[tuple[Frame, ...]] = ContextVar("fault_frames", default=())


def install(orders: Orders) -> None:
    """Wrap every site of the list. Call it after `django.setup()`, before any work."""
    reached = functools.partial(_reached, orders)
    for site in SITES:
        _replace(site.where, functools.partial(_wrapped, site, reached))
    _replace(WIRE_SITE, functools.partial(_traced, reached))
    _watch_commits(reached)


def resolve(where: str) -> tuple[Any, str, Callable[..., Any]]:
    """`module:name` or `module:Class.name` → its owner, its name, itself; raises AttributeError when it is gone."""
    module, _, path = where.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    return owner, name, getattr(owner, name)


def _replace(where: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Also where other modules took the function by name."""
    owner, name, original = resolve(where)
    wrapped = wrap(original)
    setattr(owner, name, wrapped)
    for module in list(sys.modules.values()):
        for alias, value in list(getattr(module, "__dict__", {}).items()):
            if value is original:
                setattr(module, alias, wrapped)


def _wrapped(site: Site, reached: Callable[[str], None], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def at_site(*args: Any, **kwargs: Any) -> Any:
        from django.db import connection

        frame = Frame(site, *_about(args, kwargs), opens=not connection.in_atomic_block)
        token = _frames.set((*_frames.get(), frame))
        try:
            reached(f"{site.name}.{Moment.ENTER}")
            result = original(*args, **kwargs)
            reached(f"{site.name}.{Moment.LEAVE}")
            return result
        finally:
            _frames.reset(token)

    return at_site


def _traced(reached: Callable[[str], None], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def trace(self: Any, event: str, info: Mapping[str, Any]) -> None:
        point = WIRE.get(event.partition(".")[2])
        if point is not None:
            reached(point)
        original(self, event, info)

    return trace


def _watch_commits(reached: Callable[[str], None]) -> None:
    from tenants.postgres.base import DatabaseWrapper

    commit = DatabaseWrapper._commit

    def watched(self: Any) -> None:
        frame = next((frame for frame in reversed(_frames.get()) if frame.opens), None)
        if frame is None:
            commit(self)
            return
        reached(f"{frame.site.name}.{Moment.BEFORE_COMMIT}")
        commit(self)
        reached(f"{frame.site.name}.{Moment.AFTER_COMMIT}")

    DatabaseWrapper._commit = watched


def _reached(orders: Orders, point: str) -> None:
    facts = _facts()
    for path, order in orders.for_runs(_runs()):
        fits = order.point == point and all(facts.get(name) == value for name, value in order.facts.items())
        if fits and orders.take(path, order, at=time.time(), facts=facts):
            _do(Deed(order.deed))


def _do(deed: Deed) -> None:
    if deed is Deed.KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    if deed is Deed.STOP:
        os.kill(os.getpid(), signal.SIGSTOP)


def _runs() -> set[str]:
    from controlplane.lib import logs

    bound = {str(value) for value in logs._bound.get().values()}
    return bound.union({ANYBODY}, *(frame.runs for frame in _frames.get()))


def _facts() -> dict[str, str]:
    merged: dict[str, str] = {}
    for frame in _frames.get():
        merged |= frame.facts
    return merged


def _about(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[frozenset[str], dict[str, str]]:
    runs: set[str] = set()
    facts: dict[str, str] = {}
    for value in _values([*args, *kwargs.values()], DEPTH):
        if isinstance(value, UUID):
            runs.add(str(value))
            continue
        if isinstance(value, Enum):
            facts["to"] = str(value.value)
            continue
        runs |= {str(found) for found in _ids(value)}
        facts |= {name: str(found) for name in FACTS if isinstance(found := _attribute(value, name), str)}
    return frozenset(runs), facts


def _values(values: list[Any], depth: int) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple | set | frozenset) and depth:
            yield from _values(list(value), depth - 1)
        elif isinstance(value, dict) and depth:
            yield from _values(list(value.values()), depth - 1)
        elif isinstance(value, Enum) or not isinstance(value, str | bytes | int | float | None):
            yield value


def _ids(value: Any) -> Iterator[UUID]:
    for found in (_attribute(value, "run_id"), _attribute(value, "id"), _attribute(_attribute(value, "run"), "id")):
        if isinstance(found, UUID):
            yield found


def _attribute(value: Any, name: str) -> Any:
    """Only what is there already: a row is not asked of the database for the sake of a fault."""
    known = getattr(value, "__dict__", None)
    return known.get(name) if known is not None else getattr(value, name, None)
