"""The action digest covers every field of the action, whatever it is changed to."""

from dataclasses import fields, replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connectors.gateway.digest import BoundAction, action_digest

ids = st.uuids()
words = st.text(max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(words, values, max_size=4)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "tenant": ids,
    "workspace": ids,
    "environment": ids,
    "actor": ids,
    "on_behalf_of": st.none() | ids,
    "instance": ids,
    "tool": words,
    "tool_version": words,
    "schema_hash": words,
    "args": objects,
    "target": words,
    "expected": objects,
    "undo": st.none() | objects,
    "run": ids,
    "step": words,
    "idempotency_key": words,
}
NAMED_BY_THE_ARCHITECTURE = {
    "tenant",
    "workspace",
    "environment",
    "actor",
    "on_behalf_of",
    "tool",
    "tool_version",
    "schema_hash",
    "args",
    "target",
    "expected",
    "undo",
    "run",
    "step",
    "idempotency_key",
}
actions = st.builds(BoundAction, **VALUES)


def test_every_field_that_must_be_bound_is() -> None:
    bound = {field.name for field in fields(BoundAction)}
    assert bound == set(VALUES)
    assert bound >= NAMED_BY_THE_ARCHITECTURE


@pytest.mark.parametrize("name", sorted(VALUES))
@given(data=st.data(), action=actions)
def test_another_value_is_another_digest(name: str, data: st.DataObject, action: BoundAction) -> None:
    other = data.draw(VALUES[name])
    assume(other != getattr(action, name) or type(other) is not type(getattr(action, name)))
    assert action_digest(replace(action, **{name: other})) != action_digest(action)


@given(actions)
def test_the_same_action_has_the_same_digest(action: BoundAction) -> None:
    copied = replace(action, tenant=UUID(str(action.tenant)), args=dict(reversed(list(action.args.items()))))
    assert action_digest(copied) == action_digest(action)
