"""The graph that `needs` draws. Pure."""

from collections.abc import Mapping, Set
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

Needs: TypeAlias = Mapping[str, Set[str]]
"""For every step the ids it waits for."""


def cycle_in(needs: Needs) -> list[str] | None:
    """The ids of one cycle, or None."""
    try:
        tuple(TopologicalSorter(needs).static_order())
    except CycleError as error:
        return list(error.args[1])
    return None


def order_of(needs: Needs) -> tuple[str, ...]:
    """The steps, each after all it needs; a step that is needed and not there is left out. Free of cycles."""
    return tuple(step for step in TopologicalSorter(needs).static_order() if step in needs)


def ancestors(needs: Needs, step: str) -> frozenset[str]:
    """Every step that has ended before this one may start. The graph must be free of cycles."""
    found: set[str] = set()
    queue = list(needs.get(step, ()))
    while queue:
        current = queue.pop()
        if current not in found:
            found.add(current)
            queue.extend(needs.get(current, ()))
    return frozenset(found)
