"""The schemas of our documents are published as they are checked with: in docs/contracts and under /v1/schemas."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from jsonschema import Draft202012Validator

from controlplane import contracts
from controlplane.lib.events import catalogue
from evidence import shapes
from policies import contract

NAMES = [*contracts.SOURCES, "event-run-closed", "event-approval-vote_cast"]


def test_the_files_in_docs_are_what_the_command_writes() -> None:
    assert contracts.out_of_date() == [], "run manage.py publish_contracts"
    call_command("publish_contracts", "--check")


@pytest.mark.parametrize("name", NAMES)
def test_anybody_reads_a_schema_byte_for_byte_as_in_docs(client: Client, db: None, name: str) -> None:
    answer = client.get(f"/v1/schemas/{name}")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/schema+json")
    assert answer.content == contracts._file(name).read_bytes()
    Draft202012Validator.check_schema(json.loads(answer.content))


@pytest.mark.parametrize("name", NAMES)
def test_whoever_has_it_already_is_told_so(client: Client, db: None, name: str) -> None:
    listed = {row["name"]: row["etag"] for row in client.get("/v1/schemas").json()["results"]}
    tag = client.get(f"/v1/schemas/{name}")["ETag"]
    assert tag == listed[name]
    again = client.get(f"/v1/schemas/{name}", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    assert client.get(f"/v1/schemas/{name}", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_schema_that_there_is_not_is_a_problem(client: Client, db: None) -> None:
    answer = client.get("/v1/schemas/other")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(("name", "checked"), [("policy-input-1", "input-1"), ("policy-decision-1", "decision-1")])
def test_the_gateway_checks_with_the_schema_that_is_published(name: str, checked: str) -> None:
    assert json.loads((contract._SCHEMAS / f"{checked}.json").read_text()) == json.loads(contracts.published(name))


def test_every_type_of_event_is_listed_and_is_a_schema(client: Client, db: None) -> None:
    listed = {row["name"] for row in client.get("/v1/schemas").json()["results"]}
    assert listed == set(contracts.names())
    for event_type in catalogue():
        Draft202012Validator.check_schema(shapes.document(event_type))


def test_a_published_event_is_a_promise_that_the_code_holds() -> None:
    assert contracts.broken_promises() == []


def test_a_broken_promise_is_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    real = shapes.document

    def changed(event_type: str) -> dict[str, object]:
        made = real(event_type)
        if event_type == "run.sealed":
            made["properties"]["data"]["properties"]["count"] = {"type": "string"}
        return made

    monkeypatch.setattr(shapes, "document", changed)
    with pytest.raises(CommandError, match=r"run\.sealed: count is of another type"):
        call_command("publish_contracts")


def test_a_type_that_history_holds_cannot_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run.forgotten.json").write_text("{}")
    monkeypatch.setattr(contracts, "_folder_of_events", lambda: tmp_path)
    assert contracts.broken_promises() == ["run.forgotten: the type is gone: history holds events of it"]
