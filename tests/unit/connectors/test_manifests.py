"""Manifests: signed, immutable, and equal to what the drivers can do."""

import base64
import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.errors import ManifestInvalid, UnknownDriver, UnknownTool
from connectors.manifests.document import builtin_documents, latest_of, parse
from connectors.manifests.store import ManifestStore
from connectors.types import Kind, WriteVerbs

BUILTIN = {manifest.name: manifest.document for manifest in latest_of(map(parse, builtin_documents())).values()}
FIRST = {document["name"]: document for document in builtin_documents() if document["version"] == "1.0.0"}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("manifests")
    ManifestStore(directory).install()
    return directory


@pytest.fixture
def store(pristine: Path, tmp_path: Path) -> ManifestStore:
    return ManifestStore(Path(shutil.copytree(pristine, tmp_path / "connectors")))


def test_every_driver_has_a_manifest_with_exactly_its_tools() -> None:
    offered = {name: set(parse(document).actions) for name, document in BUILTIN.items()}
    assert offered == {name: set(driver.verbs) for name, driver in registry.DRIVERS.items()}


def test_an_older_version_stays_and_means_what_it_meant(store: ManifestStore) -> None:
    for name, first in FIRST.items():
        old, new = store.load(name, "1.0.0", digest=parse(first).digest), parse(BUILTIN[name])
        assert {tool: new.actions[tool] for tool in old.actions} == dict(old.actions)


def test_every_write_has_write_verbs_and_nothing_else_has() -> None:
    for name, document in BUILTIN.items():
        for action in parse(document).actions.values():
            is_write = isinstance(registry.verbs(name, action.tool), WriteVerbs)
            assert is_write == (action.kind is Kind.WRITE), action.tool


def test_the_registry_is_closed() -> None:
    with pytest.raises(UnknownDriver):
        registry.driver("jira")
    with pytest.raises(UnknownTool):
        registry.verbs("slack", "servicenow.incident.update")


def test_an_installed_manifest_loads_with_its_pin(store: ManifestStore) -> None:
    manifest = store.load("servicenow", "1.0.0")
    assert store.load("servicenow", "1.0.0", digest=manifest.digest) == manifest
    assert manifest.action("servicenow.incident.update").undo_tool == "servicenow.incident.restore"


def test_installing_again_changes_nothing(store: ManifestStore) -> None:
    before = {path: path.read_bytes() for path in store.directory.rglob("*") if path.is_file()}
    store.install()
    assert {path: path.read_bytes() for path in store.directory.rglob("*") if path.is_file()} == before


def test_the_signing_key_is_for_its_owner_only(store: ManifestStore) -> None:
    assert (store.directory / "key.pem").stat().st_mode & 0o077 == 0


def test_a_published_version_never_changes(store: ManifestStore) -> None:
    changed = copy.deepcopy(BUILTIN["slack"])
    changed["tools"][0]["per_minute"] = 1
    with pytest.raises(ManifestInvalid, match="new version"):
        store.publish(changed)


def test_another_digest_than_pinned_is_refused(store: ManifestStore) -> None:
    with pytest.raises(ManifestInvalid):
        store.load("slack", "1.0.0", digest="0" * 64)


ABSENT = [("slack", "9.9.9"), ("../slack", "1.0.0"), ("slack", "../1"), ("", "1.0.0")]


@pytest.mark.parametrize(("name", "version"), ABSENT)
def test_a_manifest_that_is_not_installed_is_refused(store: ManifestStore, name: str, version: str) -> None:
    with pytest.raises(ManifestInvalid):
        store.load(name, version)


def tampered(path: Path) -> None:
    envelope = json.loads(path.read_bytes())
    payload = base64.b64decode(envelope["payload"]).replace(b'"risk":"medium"', b'"risk":"low"')
    path.write_text(json.dumps({**envelope, "payload": base64.b64encode(payload).decode()}))


def unsigned(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "signatures": []}))


def swapped(path: Path) -> None:
    path.write_bytes(path.with_name("slack-1.0.0.json").read_bytes())


def rubbish(path: Path) -> None:
    path.write_bytes(b"\xff not json")


@pytest.mark.parametrize("damage", [tampered, unsigned, swapped, rubbish])
def test_a_damaged_manifest_is_refused(store: ManifestStore, damage: Any) -> None:
    damage(store.directory / "manifests" / "servicenow-1.0.0.json")
    with pytest.raises(ManifestInvalid):
        store.load("servicenow", "1.0.0")


def test_a_manifest_signed_by_a_stranger_is_refused(store: ManifestStore, tmp_path: Path) -> None:
    stranger = ManifestStore(tmp_path / "stranger")
    stranger.install()
    theirs = stranger.directory / "manifests" / "slack-1.0.0.json"
    (store.directory / "manifests" / "slack-1.0.0.json").write_bytes(theirs.read_bytes())
    with pytest.raises(ManifestInvalid, match="trusted"):
        store.load("slack", "1.0.0")


def test_the_newest_version_wins_by_number_not_by_text() -> None:
    versions = [parse({**BUILTIN["slack"], "version": version}) for version in ("1.10.0", "1.9.0")]
    assert latest_of(versions)["slack"].version == "1.10.0"


BROKEN = [
    ("no tools", lambda d: d.update(tools=[])),
    ("unknown risk", lambda d: d["tools"][0].update(risk="none")),
    ("unknown member", lambda d: d.update(extra=1)),
    ("undo outside", lambda d: d["tools"][1].update(undo_tool="other.tool")),
    ("listed twice", lambda d: d["tools"].append(d["tools"][0])),
    ("broken schema", lambda d: d["tools"][0].update(args_schema={"type": "nothing"})),
    ("too slow", lambda d: d["tools"][0].update(deadline_s=60)),
]


@pytest.mark.parametrize(("what", "damage"), BROKEN, ids=[what for what, _ in BROKEN])
def test_a_broken_document_is_refused(what: str, damage: Any) -> None:
    document = copy.deepcopy(BUILTIN["slack"])
    damage(document)
    with pytest.raises(ManifestInvalid):
        parse(document)


FORBIDDEN_FIELDS = ["comments", "work_notes", "priority", "sys_id", "number", "correlation_id", "short_description"]


@pytest.mark.parametrize("field", FORBIDDEN_FIELDS)
def test_an_update_cannot_name_a_field_that_is_not_its_own(field: str) -> None:
    schema = parse(BUILTIN["servicenow"]).action("servicenow.incident.update").args_schema
    assert field not in schema["properties"]["fields"]["properties"]
    assert schema["properties"]["fields"]["additionalProperties"] is False
