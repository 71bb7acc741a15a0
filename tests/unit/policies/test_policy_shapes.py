"""The fast validator of the contract never lets pass what the exact one refuses."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from policies.shapes import Shape
from tests.policy_questions import question

SCHEMA = json.loads((Path(__file__).parents[3] / "policies" / "schemas" / "input-1.json").read_text())
SHAPE, EXACT = Shape(SCHEMA), Draft202012Validator(SCHEMA)
SIDE = SimpleNamespace(tenant=SimpleNamespace(id="t"), workspace=SimpleNamespace(id="w"))
SOUND = question(SIDE)

plain = (
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.text(max_size=8) | st.sampled_from(["ab" * 32, ""])
)
anything = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner))


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for name, member in members for place in _places(member, (*at, name)))]


@settings(max_examples=400, deadline=None)
@given(place=st.sampled_from([at for at in _places(SOUND) if at]), value=anything, gone=st.booleans())
def test_what_one_member_may_be_is_what_the_schema_says(place: tuple[Any, ...], value: Any, *, gone: bool) -> None:
    document: Any = copy.deepcopy(SOUND)
    holder = document
    for name in place[:-1]:
        holder = holder[name]
    if gone and isinstance(holder, dict):
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    assert (SHAPE.problem(document) == "") is EXACT.is_valid(document)


@settings(max_examples=200, deadline=None)
@given(anything)
def test_what_is_no_question_at_all_is_refused(value: Any) -> None:
    assert SHAPE.problem(value)


@pytest.mark.parametrize("value", [object(), {1: 2}, {"schema": b"x"}, {"schema": {1, 2}}])
def test_what_is_not_json_is_refused_and_raises_nothing(value: Any) -> None:
    assert SHAPE.problem(value)


def test_a_digest_with_a_line_break_behind_it_is_refused_though_python_would_match_it() -> None:
    assert SHAPE.problem(SOUND | {"action_digest": "ab" * 32 + "\n"})


def test_the_place_of_a_mistake_is_named_and_its_content_is_not() -> None:
    assert SHAPE.problem(SOUND | {"action": "secret"}) == "$.action: enum"
