from dataclasses import replace
from uuid import UUID

import pytest

from connectors.gateway import document
from connectors.gateway.digest import action_digest
from connectors.gateway.marks import Mark, Past
from connectors.types import Action, Kind, Reversibility, Risk
from tests.unit.connectors.test_action_digest import ACTION

TOOL = Action(
    tool="servicenow.incident.update",
    version="1.0.0",
    kind=Kind.WRITE,
    args_schema={},
    output_schema={},
    risk=Risk.MEDIUM,
    reversibility=Reversibility.COMPENSABLE,
    data_classes=("ticket", "internal"),
    per_minute=60,
    settle_time_s=70,
    deadline_s=20,
)
PLACE = document.Place(
    *("prod", "servicenow", "servicenow", "itsm-triage", "1.0.0", "forward", "INC1"),
    record="servicenow/incident/1",
    brings=("internal",),
)
NOW = document.Circumstances(
    request_id=UUID(int=9),
    now_ns=5,
    attempt=1,
    run_micro=7,
    estimate_micro=3,
    past=Past(
        run=Mark(1, {"b": 1}, ("b",), {"z": ("there",)}),
        ticket=Mark(2, {"b": 1, "a": 2}, ("b", "a", "a"), {"z": ("there",), "y": ("here", "there")}),
    ),
    approvals=({"request_id": "r", "action_digest": "d"},),
)

PAST = {
    "writes_so_far": 2,
    "tools_used": ["a", "b"],
    "data_classes_read": ["y", "z"],
    "carries": {"y": ["here", "there"], "z": ["there"]},
    "history": {
        "run": {"writes": 1, "tools": {"b": 1}, "recent": ["b"], "data_classes": ["z"]},
        "ticket": {"writes": 2, "tools": {"a": 2, "b": 1}, "recent": ["b", "a", "a"], "data_classes": ["y", "z"]},
    },
}


def _built(action: Action = TOOL, place: document.Place = PLACE) -> dict[str, object]:
    subject = document.Subject(UUID(int=1), "service", ("service", "operator"))
    return document.build(
        bound=ACTION, digest=action_digest(ACTION), action=action, subject=subject, place=place, now=NOW
    )


def test_document_carries_who_what_where_and_the_past() -> None:
    assert _built() == {
        "schema": "interlock.input/1",
        "request_id": str(UUID(int=9)),
        "pep": "gateway",
        "tenant": str(UUID(int=1)),
        "workspace": str(UUID(int=1)),
        "environment": "prod",
        "action": "tool.call",
        "subject": {
            "id": str(UUID(int=1)),
            "type": "service",
            "roles": ["operator", "service"],
            "on_behalf_of": None,
        },
        "resource": {
            "type": "tool",
            "tool": "servicenow.incident.update",
            "tool_version": "1.0.0",
            "connector": "servicenow",
            "kind": "write",
            "risk": "medium",
            "reversibility": "compensable",
            "data_classes": ["internal", "ticket"],
            "model": None,
            "provider": None,
            "workflow": "itsm-triage",
            "workflow_version": "1.0.0",
            "step": "write",
            "args": {"sys_id": "1", "fields": {"impact": "2"}},
            "target": "INC1",
            "record": "servicenow/incident/1",
            "brings": ["internal"],
            "approval_floor": None,
            "reason": None,
        },
        "context": {
            "now_ns": 5,
            "run_id": str(UUID(int=1)),
            "attempt": 1,
            "spend": {"run_micro": 7},
            "estimate": {"cost_micro": 3},
            **PAST,
            "lane": "forward",
            "ticket": "INC1",
        },
        "approvals": [{"request_id": "r", "action_digest": "d"}],
        "action_digest": action_digest(ACTION),
    }


@pytest.mark.parametrize(
    ("lane", "kind", "entrypoint"),
    [
        ("forward", Kind.WRITE, "tool.call"),
        ("forward", Kind.READ, "tool.call"),
        ("system", Kind.WRITE, "tool.call"),
        ("compensation", Kind.WRITE, "tool.compensate"),
        ("compensation", Kind.READ, "tool.call"),
    ],
)
def test_undoing_has_an_entrypoint_of_its_own(lane: str, kind: Kind, entrypoint: str) -> None:
    built = _built(replace(TOOL, kind=kind), replace(PLACE, lane=lane))
    assert built["action"] == entrypoint


def test_a_model_call_names_its_model_and_provider() -> None:
    resource = _built(replace(TOOL, kind=Kind.MODEL))["resource"]
    assert resource["provider"] == "servicenow"  # type: ignore[index]
    assert resource["model"] == ""  # type: ignore[index]
