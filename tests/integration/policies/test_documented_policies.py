"""The examples of docs/policies.md: the pack passes its own checks, fragments compile, refused ones are refused."""

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from typer.main import get_command

from controlplane.cli import policy_folder
from controlplane.cli.main import app
from policies import asking, authoring, contract, gate, voting
from policies.types import Effect, PackSource

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)([^\n]*)\n(.*?)```", TEXT, re.DOTALL)
FILES = {body.partition("\n")[0].removeprefix("# "): body for _, _, body in BLOCKS if re.match(r"# \S+/\S+\n", body)}
FRAGMENTS = [body for kind, info, body in BLOCKS if (kind, info) == ("rego", "") and body not in FILES.values()]
REFUSED = [(info.split()[1], body) for kind, info, body in BLOCKS if kind == "rego" and info.startswith(" refused")]
HEAD = """package interlock.packs.docs

import data.interlock.config.docs as config
import data.interlock.lib

"""


def examine(sources: dict[str, PackSource], *covering: str) -> Any:
    return authoring.examine(sources, confined_only=False, covering=covering, minimum=80)


def test_the_pack_of_twenty_minutes_passes_every_check(tmp_path: Path) -> None:
    """Read from a folder as the command line reads it."""
    [configuration] = [body for kind, _, body in BLOCKS if kind == "json"]
    (tmp_path / "helpdesk").mkdir()
    for name, body in {**FILES, "helpdesk/data.json": configuration}.items():
        (tmp_path / name).write_text(body)
    read = policy_folder.read(tmp_path / "helpdesk")
    done = examine({read.pack: PackSource(**read.body)}, read.pack)
    assert done.findings == []
    assert all(test["passed"] for test in [*done.tests, *done.golden])
    assert len(done.tests) == 4
    assert done.coverage["percent"] == 100


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_each_fragment_is_a_pack_that_compiles(fragment: str) -> None:
    assert examine({"docs": PackSource(HEAD + fragment, {"channels": []})}).findings == []


@pytest.mark.parametrize(("code", "fragment"), REFUSED)
def test_what_is_said_to_be_refused_is_refused(code: str, fragment: str) -> None:
    assert {found.code for found in examine({"docs": PackSource(HEAD + fragment)}).findings} == {code}


def test_there_are_examples_of_each_kind() -> None:
    assert (len(FILES), len(FRAGMENTS), len(REFUSED)) == (4, 3, 2)


def test_every_code_effect_and_obligation_is_explained() -> None:
    known = {*gate.HINTS, *asking._WORDS, *gate.PLATFORM_CODES, *Effect, *voting.RULES} - {"second_person"}
    schema = json.loads((Path(contract.__file__).parent / "schemas" / "decision-1.json").read_text())["$defs"]
    for part in schema.values():
        kinds = part.get("properties", {}).get("type", {})
        known |= {kinds["const"]} if "const" in kinds else set(kinds.get("enum", []))
    missing = sorted(name for name in known if f"`{name}`" not in TEXT and f'"{name}"' not in TEXT)
    assert missing == []


COMMANDS = [
    line.partition("#")[0].split() for kind, _, body in BLOCKS if kind == "console" for line in body.splitlines()
]
INLINE = [told.split() for told in re.findall(r"`(interlock [^`]+)`", TEXT)]


@pytest.mark.parametrize("words", [*COMMANDS, *INLINE], ids=" ".join)
def test_every_command_exists_with_its_options(words: list[str]) -> None:
    command: Any = get_command(app)
    for word in words[1:3]:
        command = command.get_command(click.Context(command), word)
        assert command is not None, word
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
