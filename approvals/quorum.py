"""Filling places with people, each of whom fills one. Pure."""

from collections.abc import Sequence, Set

from approvals.types import Rules


def met(rules: Rules, people: Sequence[Set[str]]) -> bool:
    """Whether these people, each given by the roles that they hold, are enough."""
    if len(people) < rules.quorum or open_places(rules, people):
        return False
    return not rules.distinct_among or filled(rules.distinct_among, people) >= rules.quorum


def open_places(rules: Rules, people: Sequence[Set[str]]) -> list[str]:
    """The roles that are still to be filled, when those who are there fill as many places as they can."""
    taken = _assigned(rules.roles, people)
    return [role for place, role in enumerate(rules.roles) if place not in taken]


def filled(places: Sequence[str], people: Sequence[Set[str]]) -> int:
    """How many of the places can be filled at once."""
    return len(_assigned(places, people))


def _assigned(places: Sequence[str], people: Sequence[Set[str]]) -> dict[int, int]:
    """Place → person, as many as possible (augmenting paths, Kuhn 1955)."""
    taken: dict[int, int] = {}
    for person in range(len(people)):
        _seat(person, places, people, taken, set())
    return taken


def _seat(
    person: int, places: Sequence[str], people: Sequence[Set[str]], taken: dict[int, int], tried: set[int]
) -> bool:
    for place, role in enumerate(places):
        if role in people[person] and place not in tried:
            tried.add(place)
            if place not in taken or _seat(taken[place], places, people, taken, tried):
                taken[place] = person
                return True
    return False
