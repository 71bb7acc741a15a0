"""The corpus of sequences as values. What its members mean: README.md beside this."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FOLDER = Path(__file__).parent
VERBS = frozenset({"read", "ask", "post", "whisper", "dialogue", "replace", "write", "undo", "retry", "go"})
ENDS = frozenset({"refused", "asked", "approved"})
MEMBERS = (
    VERBS
    | ENDS
    | {"as", "run", "ticket", "of", "ticket_id", "workflow", "via", "dry", "fails", "floor", "later", "lane"}
)


@dataclass(frozen=True)
class Case:
    """`steps` in their order, each `{verb: object, member: value, …}`."""

    id: str
    about: str
    steps: tuple[dict[str, Any], ...]


def load(name: str) -> list[Case]:
    """`attacks` or `benign`."""
    rows = YAML(typ="safe").load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return [Case(row["id"], row["about"], tuple(row["steps"])) for row in rows]


def verb_of(step: dict[str, Any]) -> str:
    (verb,) = VERBS & set(step)
    return verb
