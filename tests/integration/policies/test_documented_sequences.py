"""The examples of docs/sequences.md: the pack passes the checks of publishing and does what the page says."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import classes
from policies import authoring
from policies.engine.embedded import EmbeddedPoint
from policies.engine.protocol import Program
from policies.types import PackSource
from tests.unit.policies.test_policy_packs import STANDING, decided, document, yes

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "sequences.md").read_text(encoding="utf-8")
(REGO,) = re.findall(r"```rego\n(.*?)```", TEXT, re.DOTALL)
(CLASSES,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
SOURCES = {"support": PackSource(REGO)}
PERSONAL = {"context__carries": {"personal": ["servicenow/incident/x"]}}
NO_MARK = {"writes": 0, "tools": {}, "recent": [], "data_classes": []}


@pytest.fixture(scope="module")
def point() -> Iterator[EmbeddedPoint]:
    made = EmbeddedPoint(deadline_s=5, confined_only=False)
    yield made
    made.close()


def _asked(tool: str, args: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return document(tool, args, **{"resource__workflow": "support", **changes})


def _post(channel: str, **changes: Any) -> dict[str, Any]:
    return _asked("slack.message.post", {"channel": channel, "text": "t"}, **changes)


def _history(writes: int) -> dict[str, Any]:
    return {"context__history": {"run": NO_MARK, "ticket": {**NO_MARK, "writes": writes}}}


TABLE = [
    ("reading", _asked("servicenow.incident.get", {}, resource__kind="read"), "ALLOW", set()),
    ("telling the team", _post("C0ITSM", **PERSONAL), "ALLOW", set()),
    ("telling all", _post("C0GENERAL", **PERSONAL), "REQUIRE_HITL", {"carries_data_needs_approval"}),
    ("telling all nothing", _post("C0GENERAL"), "ALLOW", set()),
    ("with a yes", _post("C0GENERAL", **PERSONAL, approvals=yes("bob", "eve", tier="two_person")), "ALLOW", set()),
    ("secrets", _post("C0ITSM", context__carries={"secret": ["x"]}), "DENY", {"carries_data"}),
    ("the ninth write", _post("C0ITSM", **_history(9)), "ALLOW", set()),
    ("the eleventh write", _post("C0ITSM", **_history(10)), "DENY", {"enough_writes"}),
]


@pytest.mark.parametrize(("asked", "effect", "codes"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_pack_does_what_the_page_says(
    point: EmbeddedPoint, asked: dict[str, Any], effect: str, codes: set[str]
) -> None:
    modules, data = authoring.modules(SOURCES), {"interlock": {**authoring.data(SOURCES), "bundle": STANDING}}
    verdict = decided(point, Program("support", modules, data), asked)
    assert (verdict.effect, {reason.code for reason in verdict.reasons}) == (effect, codes)


def test_the_pack_may_be_published() -> None:
    authoring.check(SOURCES, confined_only=False)


def test_the_configuration_on_the_page_is_one() -> None:
    assert classes.problem(json.loads(CLASSES)) == ""


def test_every_member_that_the_page_names_is_in_the_contract() -> None:
    schema = json.loads((Path(authoring.__file__).parent / "schemas" / "input-1.json").read_text(encoding="utf-8"))
    context, resource = schema["$defs"]["context"]["properties"], schema["$defs"]["resource"]["properties"]
    assert {"carries", "history"} <= set(context)
    assert {"record", "brings"} <= set(resource)
    assert set(NO_MARK) == set(schema["$defs"]["mark"]["properties"])
