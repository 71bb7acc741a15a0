"""The tables of states as mermaid diagrams, written into a document between marks. Pure.

`python -m workflows.diagrams docs/engine.md` brings the document up to date; the tests say when it is not.
"""

import re
import sys
from collections.abc import Callable, Mapping, Set
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from connectors.calls import CallState
from workflows.outcomes import BACK, FORWARD, SUB_RUN_BACK, SUB_RUN_FORWARD, Landing
from workflows.types import CLOSED_RUN_STATES, RUN_MOVES, STEP_MOVES, RunState, StepState

_BLOCK = re.compile(r"(<!-- diagram: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

State = TypeVar("State", bound=StrEnum)


def updated(text: str) -> str:
    """The document with every diagram as the code has it; raises KeyError for one that is not known."""
    return _BLOCK.sub(lambda found: f"{found[1]}{DIAGRAMS[found[2]]()}{found[3]}", text)


def _runs() -> str:
    ends = [f"    {state} --> [*]" for state in RunState if state in CLOSED_RUN_STATES]
    return _fenced(["stateDiagram-v2", f"    [*] --> {RunState.QUEUED}", *_arrows(RUN_MOVES), *ends])


def _steps() -> str:
    ends = [f"    {state} --> [*]" for state in StepState if not STEP_MOVES[state]]
    return _fenced(["stateDiagram-v2", f"    [*] --> {StepState.PENDING}", *_arrows(STEP_MOVES), *ends])


def _arrows(moves: Mapping[State, Set[State]]) -> list[str]:
    order = list(moves)
    return [f"    {old} --> {new}" for old in order for new in sorted(moves[old], key=order.index) if new is not old]


def _calls() -> str:
    return _table("call", CallState, FORWARD, BACK)


def _sub_runs() -> str:
    return _table("sub-run", RunState, SUB_RUN_FORWARD, SUB_RUN_BACK)


def _table(what: str, states: type[State], forward: Mapping[State, Landing], back: Mapping[State, Landing]) -> str:
    rows = [f"| {state} | {_words(forward[state])} | {_words(back[state])} |" for state in states]
    return "\n".join([f"| {what} | step, forward | step, on the way back |", "|---|---|---|", *rows, ""])


def _words(landing: Landing) -> str:
    notes = [part for part in (landing.waits_for and f"waits for {landing.waits_for}", landing.code) if part]
    return f"{landing.state} ({'; '.join(notes)})" if notes else str(landing.state)


def _fenced(lines: list[str]) -> str:
    return "\n".join(["```mermaid", *lines, "```", ""])


DIAGRAMS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {"runs": _runs, "steps": _steps, "calls": _calls, "sub-runs": _sub_runs}
)


def main(path: Path) -> None:
    path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
