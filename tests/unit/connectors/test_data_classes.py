"""Which data classes an answer brings. What an instance says about its data adds to the manifest, and only adds."""

from dataclasses import replace

import pytest

from connectors import classes, registry
from connectors.manifests.document import builtin_documents, parse
from connectors.types import Kind
from tests.unit.connectors.test_input_document import TOOL

MARKED = {
    "tools": {TOOL.tool: ["secret"]},
    "fields": {"category": {"HR ": ["personal"]}, "u_diagnosis": {"*": ["health"]}},
}
ABOUT_NO_RECORD = {
    *("interlock.drill.ping", "interlock.canary.ping", "llm.generate", "servicenow.choices.get"),
    *("slack.user.find", "slack.view.open"),
}


def test_an_instance_adds_to_what_the_manifest_declares() -> None:
    assert classes.brought(TOOL, {}) == {"ticket", "internal"}
    assert classes.brought(TOOL, MARKED) == {"ticket", "internal", "secret"}


def test_a_model_brings_nothing_of_its_own_unless_the_instance_says_so() -> None:
    model = replace(TOOL, kind=Kind.MODEL)
    assert classes.brought(model, {}) == frozenset()
    assert classes.brought(model, MARKED) == {"secret"}


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ({"category": "hr"}, {"personal"}),
        ({"category": "Hr"}, {"personal"}),
        ({"category": "network"}, set()),
        ({"rows": [{"u_diagnosis": "flu"}]}, {"health"}),
        ({"u_diagnosis": ["", "flu"]}, {"health"}),
        ({"u_diagnosis": "  "}, set()),
        ({"u_diagnosis": None}, set()),
        ({"u_diagnosis": 0}, {"health"}),
        ({"display": {"category": "HR"}, "u_diagnosis": "x"}, {"personal", "health"}),
        ({}, set()),
    ],
)
def test_marked_fields_tell_what_this_very_answer_holds(output: dict[str, object], found: set[str]) -> None:
    assert classes.found(MARKED, output) == found
    assert classes.found({}, output) == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"tools": {"a": "secret"}},
        {"tools": {"a": ["No Name"]}},
        {"fields": {"a": ["secret"]}},
        {"field": {}},
        {"fields": {"a": {"*": [*map(str, range(21))]}}},
    ],
)
def test_a_configuration_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    assert classes.problem(wrong)
    assert classes.problem(MARKED) == ""


def test_every_tool_is_about_a_record_or_known_to_be_about_none() -> None:
    for driver in registry.DRIVERS.values():
        assert set(driver.verbs) - set(driver.records) <= ABOUT_NO_RECORD
        assert set(driver.records) <= set(driver.verbs)


def test_what_names_a_record_is_a_required_argument_that_holds_no_content() -> None:
    for document in builtin_documents():
        manifest = parse(document)
        for tool, about in registry.driver(manifest.driver).records.items():
            if tool in manifest.actions:
                schema = manifest.actions[tool].args_schema
                assert set(about.by) <= set(schema["required"]), tool
                assert all("pattern" in schema["properties"][name] for name in about.by), tool


def test_a_record_is_the_same_for_every_tool_of_it() -> None:
    read = registry.record_of("servicenow", "servicenow.incident.get", {"sys_id": "1"})
    write = registry.record_of("servicenow", "servicenow.incident.update", {"sys_id": "1", "fields": {}})
    assert read == write == "servicenow/incident/1"
    assert registry.record_of("servicenow", "servicenow.choices.get", {}) == ""


def test_an_event_may_hold_whatever_can_be_read_at_its_instance() -> None:
    read, model = replace(TOOL, kind=Kind.READ), replace(TOOL, kind=Kind.MODEL, data_classes=("health",))
    assert classes.of_events([read, model, TOOL], MARKED) == {"ticket", "internal", "secret"}


def test_an_event_is_about_the_record_that_it_names() -> None:
    told = registry.record_of_event("servicenow", "incident.created", {"sys_id": "1"})
    assert told == "servicenow/incident/1"
    assert registry.record_of_event("servicenow", "incident.created", {"sys_id": 1}) == ""
    assert registry.record_of_event("servicenow", "something.else", {"sys_id": "1"}) == ""
