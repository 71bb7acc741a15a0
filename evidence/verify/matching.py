"""Filling places with people, each of whom fills one. Pure."""

from collections.abc import Sequence, Set


def assigned(places: Sequence[str], people: Sequence[Set[str]]) -> dict[int, int]:
    """Place → person, as many as possible (augmenting paths, Kuhn 1955). `people` are given by the roles they hold."""
    taken: dict[int, int] = {}
    for person in range(len(people)):
        _seat(person, places, people, taken, set())
    return taken


def filled(places: Sequence[str], people: Sequence[Set[str]]) -> int:
    """How many of the places can be filled at once."""
    return len(assigned(places, people))


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
