"""What a decision point is, whoever evaluates. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

JsonObject = dict[str, Any]

DECISION_ENTRYPOINT = "interlock.main.decision"


class PointFailure(Exception):
    """The point gave no answer that may be trusted; `code` is the reason code of the resulting DENY."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Program:
    """What is evaluated: verified Rego sources by path, and the data document they read.

    `key` names the pair for ever: equal keys mean equal content. `environment` and `revision` say which bundle a
    server that evaluates it for us must hold; empty where there is none (trials, simulation).
    """

    key: str
    modules: Mapping[str, str] = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)
    environment: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Layers:
    """The confinement of an evaluator as proven from the inside: layer name → `on`, `absent` or `failed`."""

    states: Mapping[str, str]

    @property
    def complete(self) -> bool:
        return bool(self.states) and all(state == "on" for state in self.states.values())


class DecisionPoint(Protocol):
    """Evaluates `interlock.main.decision` of a program."""

    def evaluate(self, program: Program, document: JsonObject) -> JsonObject:
        """The raw decision document, unchecked. Raises PointFailure; never answers late."""
        ...

    def evaluate_many(self, program: Program, documents: Sequence[JsonObject]) -> "list[JsonObject | PointFailure]":
        """Each answered as by `evaluate`; what that would raise stands in the place of the answer."""
        ...

    def layers(self) -> Layers:
        """Confinement of the evaluator in use. Raises PointFailure if none can be started."""
        ...


def one_by_one(
    point: DecisionPoint, program: Program, documents: Sequence[JsonObject]
) -> "list[JsonObject | PointFailure]":
    """`evaluate_many` by means of `evaluate`."""
    found: list[JsonObject | PointFailure] = []
    for document in documents:
        try:
            found.append(point.evaluate(program, document))
        except PointFailure as failure:
            found.append(failure)
    return found
