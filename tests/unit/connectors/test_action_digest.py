from dataclasses import fields, replace
from uuid import UUID

import pytest

from connectors.gateway.digest import BoundAction, action_digest, marker

ONE, TWO = UUID(int=1), UUID(int=2)

ACTION = BoundAction(
    tenant=ONE,
    workspace=ONE,
    environment=ONE,
    actor=ONE,
    on_behalf_of=None,
    instance=ONE,
    tool="servicenow.incident.update",
    tool_version="1.0.0",
    schema_hash="aa",
    args={"sys_id": "1", "fields": {"impact": "2"}},
    target="INC1",
    expected={"impact": "3"},
    undo={"tool": "servicenow.incident.restore"},
    run=ONE,
    step="write",
    idempotency_key="k",
)

OTHER = {
    "tenant": TWO,
    "workspace": TWO,
    "environment": TWO,
    "actor": TWO,
    "on_behalf_of": TWO,
    "instance": TWO,
    "tool": "servicenow.incident.get",
    "tool_version": "1.0.1",
    "schema_hash": "ab",
    "args": {"sys_id": "1", "fields": {"impact": "1"}},
    "target": "INC2",
    "expected": {"impact": "2"},
    "undo": None,
    "run": TWO,
    "step": "announce",
    "idempotency_key": "l",
}


def test_every_field_has_another_value_to_try() -> None:
    assert set(OTHER) == {field.name for field in fields(BoundAction)}


@pytest.mark.parametrize("field", sorted(OTHER))
def test_digest_changes_with_each_field(field: str) -> None:
    assert action_digest(replace(ACTION, **{field: OTHER[field]})) != action_digest(ACTION)


def test_digest_does_not_depend_on_the_order_of_keys() -> None:
    shuffled = replace(ACTION, args={"fields": {"impact": "2"}, "sys_id": "1"})
    assert action_digest(shuffled) == action_digest(ACTION)


def test_marker_is_the_same_for_every_attempt_and_differs_between_calls() -> None:
    assert marker(ONE, "k") == marker(ONE, "k")
    assert marker(ONE, "k") != marker(TWO, "k")
    assert marker(ONE, "k") != marker(ONE, "l")
