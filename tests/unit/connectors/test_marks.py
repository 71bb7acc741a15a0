"""High-water marks: they only rise, they are bounded, and what does not fit is taken for the worst."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.gateway import marks
from connectors.gateway.marks import ANYWHERE, Deed, Mark, Past

NAMES = st.text("abcxyz", min_size=1, max_size=3)
SOURCES = st.dictionaries(NAMES, st.lists(NAMES, min_size=1, max_size=20).map(tuple), max_size=80)
MARKS = st.builds(
    Mark,
    writes=st.integers(0, 9),
    tools=st.dictionaries(NAMES, st.integers(1, 9), max_size=marks.MOST_TOOLS),
    recent=st.lists(NAMES, max_size=marks.MOST_RECENT).map(tuple),
    sources=SOURCES.map(marks.together),
)


def _covers(whole: marks.Sources, part: marks.Sources) -> bool:
    """Every class of the part is in the whole, from at least the same places."""

    def held(name: str) -> set[str]:
        return set(whole.get(name, whole.get(ANYWHERE, ())))

    return all(held(name) >= set(places) or ANYWHERE in held(name) for name, places in part.items())


@given(MARKS, SOURCES)
def test_a_mark_never_falls(mark: Mark, more: marks.Sources) -> None:
    after = mark.after(Deed("tool", writes=True)).holding(more)
    assert _covers(after.sources, mark.sources)
    assert _covers(after.sources, more)
    assert after.writes == mark.writes + 1


@given(MARKS, MARKS)
def test_both_ways_to_join_marks_keep_what_either_holds(one: Mark, other: Mark) -> None:
    for joined in (one.followed_by(other), one.beside(other)):
        assert _covers(joined.sources, one.sources)
        assert _covers(joined.sources, other.sources)


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), max_size=150))
def test_a_mark_is_bounded_however_long_it_goes_on(steps: list[tuple[str, str, str]]) -> None:
    mark = Mark()
    for tool, name, place in steps:
        mark = mark.after(Deed(tool, writes=False)).holding({name: (place,)})
    assert len(mark.tools) <= marks.MOST_TOOLS
    assert len(mark.recent) <= marks.MOST_RECENT
    assert len(mark.sources) <= marks.MOST_CLASSES
    assert all(len(places) <= marks.MOST_SOURCES for places in mark.sources.values())
    assert sum(mark.tools.values()) == len(steps)


def test_too_many_sources_are_anywhere_and_too_many_classes_are_any() -> None:
    many = tuple(f"record/{n}" for n in range(marks.MOST_SOURCES + 1))
    assert marks.together({"personal": many}) == {"personal": (ANYWHERE,)}
    assert marks.together({f"class{n}": ("x",) for n in range(65)}) == {ANYWHERE: (ANYWHERE,)}


def test_a_further_attempt_of_a_call_is_not_counted_again() -> None:
    once = Mark().after(Deed("t", writes=True))
    assert once.after(Deed("t", writes=True, first=False)) == once


@pytest.mark.parametrize(
    ("sources", "left"),
    [
        ({"personal": ("here",)}, {}),
        ({"personal": ("there",)}, {"personal": ("there",)}),
        ({"personal": ("here", "there")}, {"personal": ("here", "there")}),
        ({"personal": (ANYWHERE,)}, {"personal": (ANYWHERE,)}),
        ({"internal": ("there",), "public": ("there",)}, {}),
    ],
)
def test_what_came_from_a_record_alone_is_not_carried_to_it(sources: marks.Sources, left: marks.Sources) -> None:
    assert marks.carried(sources, "here") == left


def test_nothing_came_from_a_record_that_is_none() -> None:
    assert marks.carried({"personal": ("there",)}, "") == {"personal": ("there",)}


def test_the_whole_past_is_what_run_and_ticket_know_and_counts_nothing_twice() -> None:
    run = Mark(1, {"a": 1}, ("a",), {"personal": ("x",)})
    ticket = Mark(2, {"a": 1, "b": 1}, ("b", "a"), {"secret": ("y",)})
    whole = Past(run, ticket).whole
    assert (whole.writes, whole.tools, sorted(whole.sources)) == (2, {"a": 1, "b": 1}, ["personal", "secret"])
    assert Past(run).whole == run
