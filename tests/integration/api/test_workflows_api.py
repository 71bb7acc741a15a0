"""Workflows over HTTP and from the command line: checked, published, compared; refused with every finding."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import Result

from controlplane.cli.exits import Exit
from tests import gateway_ground
from tests.integration.api.test_command_line import in_this_transaction, interlock, refused, shown

__all__ = ["in_this_transaction", "interlock"]

CLEAN = """\
apiVersion: interlock/v1
kind: Workflow
metadata: {name: hello, version: 1.0.0}
spec:
  steps:
    - {id: tell, call: slack.message.post, with: {channel: C0ITSM, text: hello}}
"""
BAD = CLEAN.replace("text: hello", "txt: hello")
ASKING = """\
apiVersion: interlock/v1
kind: Workflow
metadata: {name: asking, version: 1.0.0}
spec:
  models: {m: {provider: anthropic, model: interlock-sandbox-1}}
  steps:
    - id: ask
      call: llm.generate
      with: {model: m, prompt: sort@1, schema: sorted@1, input: "${{ trigger }}"}
    - {id: sum, compute: {kind: "${{ steps.ask.output.kind }}"}}
"""
SORTED = {"type": "object", "properties": {"kind": {"type": "string"}}, "additionalProperties": False}


@pytest.fixture(autouse=True)
def manifests() -> None:
    gateway_ground.install_manifests()


@pytest.fixture
def folder(tmp_path: Any) -> Any:
    (tmp_path / "hello.yaml").write_text(CLEAN)
    (tmp_path / "bad.yaml").write_text(BAD)
    (tmp_path / "next.yaml").write_text(CLEAN.replace("1.0.0", "1.1.0").replace("text: hello", "text: good day"))
    (tmp_path / "asking.yaml").write_text(ASKING)
    (tmp_path / "prompts").mkdir()
    (tmp_path / "schemas").mkdir()
    (tmp_path / "prompts" / "sort@1.md").write_text("Say what kind it is.")
    (tmp_path / "prompts" / "other@1.md").write_text("Never sent.")
    (tmp_path / "schemas" / "sorted@1.json").write_text(json.dumps(SORTED))
    return tmp_path


def test_lint_says_where_what_and_what_to_do(interlock: Callable[..., Result], folder: Any) -> None:
    result = interlock("dana", "workflow", "lint", str(folder / "bad.yaml"))
    assert result.exit_code == Exit.FAILED
    assert result.stdout.splitlines() == [
        "bad.yaml:6:44: missing_argument: `slack.message.post` needs `text`",
        "    add `text:` under `with:`",
        "bad.yaml:6:68: unknown_argument: `slack.message.post` takes no `txt`",
        "    use one of: blocks, channel, text, thread_ts",
    ]


def test_lint_as_json_and_of_a_clean_one(interlock: Callable[..., Result], folder: Any) -> None:
    result = interlock("dana", "workflow", "lint", str(folder / "bad.yaml"), "-o", "json")
    assert (result.exit_code, json.loads(result.stdout)["findings"][0]["line"]) == (Exit.FAILED, 6)
    clean = shown(interlock("dana", "workflow", "lint", str(folder / "hello.yaml"), "-o", "json"))
    assert (clean["clean"], clean["name"], clean["findings"]) == (True, "hello", [])
    assert interlock("dana", "workflow", "list", "-o", "id").stdout == ""


def test_a_file_that_is_not_there_is_a_usage_error(interlock: Callable[..., Result], folder: Any) -> None:
    assert refused(interlock("dana", "workflow", "lint", str(folder / "none.yaml"))) == Exit.USAGE


def test_what_has_findings_is_not_published(interlock: Callable[..., Result], folder: Any) -> None:
    result = interlock("alice", "workflow", "publish", str(folder / "bad.yaml"))
    assert refused(result) == Exit.FAILED
    assert "bad.yaml:6:44: missing_argument" in result.stdout
    assert interlock("alice", "workflow", "list", "-o", "id").stdout == ""


def test_versions_are_published_shown_and_compared(interlock: Callable[..., Result], folder: Any) -> None:
    assert refused(interlock("dana", "workflow", "publish", str(folder / "hello.yaml"))) == Exit.DENIED
    first = shown(interlock("alice", "workflow", "publish", str(folder / "hello.yaml"), "-o", "json"))
    shown(interlock("alice", "workflow", "publish", str(folder / "next.yaml"), "-o", "json"))
    assert interlock("dana", "workflow", "show", "hello@1.0.0").stdout == CLEAN
    assert shown(interlock("dana", "workflow", "show", "hello", "-o", "json"))["version"] == "1.1.0"
    assert shown(interlock("dana", "workflow", "show", "hello@1.0.0", "-o", "json"))["id"] == first["id"]
    diff = interlock("dana", "workflow", "diff", "hello@1.0.0", "hello").stdout.splitlines()
    assert "   6      -     - {id: tell, call: slack.message.post, with: {channel: C0ITSM, text: hello}}" in diff
    assert "        6 +     - {id: tell, call: slack.message.post, with: {channel: C0ITSM, text: good day}}" in diff
    assert refused(interlock("dana", "workflow", "show", "hello@9.0.0")) == Exit.NOT_FOUND


def test_prompts_and_schemas_beside_the_file_are_published_with_it(
    interlock: Callable[..., Result], folder: Any
) -> None:
    published = shown(interlock("alice", "workflow", "publish", str(folder / "asking.yaml"), "-o", "json"))
    kept = shown(interlock("alice", "workflow", "show", "asking", "-o", "json"))["assets"]
    assert kept == {"prompts/sort@1": "Say what kind it is.", "schemas/sorted@1": SORTED}
    assert published["version"] == "1.0.0"


def test_a_published_prompt_keeps_its_text(interlock: Callable[..., Result], folder: Any) -> None:
    shown(interlock("alice", "workflow", "publish", str(folder / "asking.yaml"), "-o", "json"))
    (folder / "asking.yaml").write_text(ASKING.replace("1.0.0", "1.1.0"))
    (folder / "prompts" / "sort@1.md").write_text("Say something else.")
    assert refused(interlock("alice", "workflow", "publish", str(folder / "asking.yaml"))) == Exit.CONFLICT
    (folder / "prompts" / "sort@1.md").unlink()
    (folder / "schemas" / "sorted@1.json").unlink()
    again = shown(interlock("alice", "workflow", "publish", str(folder / "asking.yaml"), "-o", "json"))
    assert again["version"] == "1.1.0"


def test_the_member_of_a_result_schema_is_checked(interlock: Callable[..., Result], folder: Any) -> None:
    (folder / "asking.yaml").write_text(ASKING.replace("output.kind", "output.colour"))
    result = interlock("alice", "workflow", "lint", str(folder / "asking.yaml"))
    assert "there is no member `colour`" in result.stdout


def test_a_secret_in_a_prompt_is_refused(interlock: Callable[..., Result], folder: Any) -> None:
    (folder / "prompts" / "sort@1.md").write_text("Use AKIA" + "ABCDEFGHIJKLMNOP to sign in.")
    result = interlock("alice", "workflow", "publish", str(folder / "asking.yaml"))
    assert refused(result) == Exit.USAGE


def test_another_tenant_sees_nothing_and_compares_nothing(
    interlock: Callable[..., Result], folder: Any, world: SimpleNamespace, client: Any, token: Callable[..., Any]
) -> None:
    first = shown(interlock("alice", "workflow", "publish", str(folder / "hello.yaml"), "-o", "json"))
    stranger = token(world.charlie, world.b)
    assert client.get("/v1/workflows?name=hello", headers=stranger).json()["results"] == []
    path = f"/v1/workflows/{first['id']}"
    assert client.get(path, headers=stranger).status_code == 404
    assert client.get(f"{path}/diff?against={first['id']}", headers=stranger).status_code == 404
