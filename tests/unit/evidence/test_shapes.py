"""Shapes of events are made from frozen dataclasses; what does not fit them is not written."""

from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from controlplane.lib.events import Committed, catalogue
from evidence import shapes
from evidence.events import RunSealed

ID = "01a1ffc3-9f5a-7d0e-8000-000000000000"
COMMITMENT = {"c": "0" * 64, "len": 3, "mt": "text/plain"}


@dataclass(frozen=True)
class Sample:
    """Every kind of member there is."""

    id: UUID
    name: str
    count: int
    sure: bool
    at: datetime
    content: Committed
    names: list[str]
    tools: Mapping[str, int]
    person: UUID | None
    late: str = ""
    later: list[dict[str, object]] = field(default_factory=list)


WHOLE = {
    "id": ID,
    "name": "x",
    "count": 1,
    "sure": True,
    "at": "2026-11-21T20:00:00+00:00",
    "content": COMMITMENT,
    "names": ["a"],
    "tools": {"a": 1},
}


def fits(data: Mapping[str, Any]) -> bool:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(shapes.data_of(Sample)).is_valid(data)


def test_what_a_dataclass_says_fits() -> None:
    assert fits(WHOLE)
    assert fits({**WHOLE, "person": ID, "late": "y", "later": [{"any": "thing"}]})


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_missing_does_not_fit(name: str) -> None:
    assert not fits({member: value for member, value in WHOLE.items() if member != name})


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "INC0001"},
        {"name": 1},
        {"count": "1"},
        {"count": True},
        {"count": 2**53},
        {"sure": 1},
        {"at": 0},
        {"content": "in the open"},
        {"content": {**COMMITMENT, "c": "abc"}},
        {"content": {**COMMITMENT, "plain": "x"}},
        {"names": "a"},
        {"tools": {"a": "b"}},
        {"person": None},
        {"unknown": 1},
    ],
)
def test_what_is_of_another_type_or_unknown_does_not_fit(wrong: dict[str, Any]) -> None:
    assert not fits({**WHOLE, **wrong})


def test_every_type_is_frozen_and_has_a_shape() -> None:
    for event_type, cls in catalogue().items():
        assert is_dataclass(cls), event_type
        assert cls.__dataclass_params__.frozen, event_type  # type: ignore[attr-defined]
        shapes.document(event_type)


def test_what_has_no_shape_cannot_be_an_event() -> None:
    @dataclass(frozen=True)
    class Priced:
        price: float

    with pytest.raises(TypeError, match="float"):
        shapes.data_of(Priced)


def changed(**properties: Any) -> dict[str, Any]:
    document = shapes.document("run.sealed")
    data = document["properties"]["data"]
    data["properties"] = {
        name: shape for name, shape in {**data["properties"], **properties}.items() if shape is not None
    }
    data["required"] = [name for name in data["required"] if name in data["properties"]]
    return document


def test_a_type_may_gain_what_is_optional_and_nothing_else() -> None:
    before = shapes.document("run.sealed")
    assert shapes.broken_promises(before, before) == []
    assert shapes.broken_promises(before, changed(note={"type": "string"})) == []
    assert shapes.broken_promises(changed(note={"type": "string"}), before) == ["note is gone"]
    assert shapes.broken_promises(before, changed(count={"type": "string"})) == ["count is of another type"]
    demanding = changed(note={"type": "string"})
    demanding["properties"]["data"]["required"].append("note")
    assert shapes.broken_promises(before, demanding) == ["note is new and required"]
    relaxed = changed()
    relaxed["properties"]["data"]["required"].remove("root")
    assert shapes.broken_promises(before, relaxed) == ["root is not always there any more"]


def test_the_published_words_are_those_of_the_code() -> None:
    assert shapes.document("run.sealed")["description"] == (RunSealed.__doc__ or "").strip()
    assert shapes.document("tenant.created")["description"] == "", "a signature is no description"
