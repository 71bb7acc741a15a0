"""People and the places that they fill, as a table and against brute force."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.quorum import met, open_places
from approvals.types import Rules
from evidence.verify.matching import filled

A, B, C = frozenset({"a"}), frozenset({"b"}), frozenset({"c"})
AB = A | B

TABLE = [
    ("nobody", Rules(1, False, False), [], False),
    ("one of one", Rules(1, False, False), [A], True),
    ("one of each role", Rules(2, False, False, ("a", "b")), [A, B], True),
    ("two of the same role", Rules(2, False, False, ("a", "b")), [A, A], False),
    ("one person fills one place", Rules(2, False, False, ("a", "b")), [AB], False),
    ("whoever can fill both fills the one that is left", Rules(2, False, False, ("a", "b")), [AB, A], True),
    ("two of one role and one of another", Rules(3, False, False, ("a", "a", "b")), [AB, A, A], True),
    ("places filled, but too few people", Rules(3, False, False, ("a",)), [A, B], False),
    ("different roles", Rules(2, False, False, (), ("a", "b")), [A, B], True),
    ("not different enough", Rules(2, False, False, (), ("a", "b")), [A, A, C], False),
    ("one with two roles lets the other have one", Rules(2, False, False, (), ("a", "b")), [AB, A], True),
]


@pytest.mark.parametrize(("name", "rules", "people", "enough"), TABLE)
def test_enough(name: str, rules: Rules, people: list[frozenset[str]], enough: bool) -> None:
    assert met(rules, people) is enough, name


def test_what_is_missing_is_named() -> None:
    rules = Rules(3, False, False, ("a", "a", "b"))
    assert open_places(rules, [AB]) in (["a", "b"], ["a", "a"])
    assert open_places(rules, [AB, A, A]) == []


def test_more_places_than_people_who_are_asked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="every place"):
        Rules(1, False, False, ("a", "b"))


roles = st.sampled_from(["a", "b", "c"])


@given(st.lists(roles, max_size=4), st.lists(st.frozensets(roles), max_size=5))
def test_as_many_places_are_filled_as_can_be(places: list[str], people: list[frozenset[str]]) -> None:
    seats = [*range(len(places)), *[None] * len(people)]
    every = (
        sum(place is not None and places[place] in person for place, person in zip(order, people, strict=True))
        for order in set(permutations(seats, len(people)))
    )
    assert filled(places, people) == max(every, default=0)
