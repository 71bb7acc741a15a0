"""What a look at a run learns from outside its rows, written down so that the look can be made again.

A look depends on the rows, on the answer to the last call, on the time, and on what it asks while it is made. All of
that is on the tape; `workflows.replay` plays it to the same engine. Kept only for tenants that opted in to content.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from controlplane.lib.errors import DomainError
from workflows.models import Run

MOST_LOOKS = 2000
"""A run that is looked at more often is not recorded: its row would grow with every look."""


class Tape(Protocol):
    """`learn`: ask outside and know the answer. `note`: it was asked already. `act`: do something outside."""

    def learn(self, question: str, ask: Callable[[], Any]) -> Any: ...

    def note(self, question: str, answer: Any) -> None: ...

    def act(self, deed: Callable[[], object]) -> None: ...


@dataclass
class Recorder:
    """The real world, listened to. `heard`: `[question, answer]` in order, JSON without floats."""

    heard: list[list[Any]] = field(default_factory=list)

    def learn(self, question: str, ask: Callable[[], Any]) -> Any:
        try:
            answer = ask()
        except DomainError as refusal:
            self.note(question, {"refused": [refusal.code, refusal.detail]})
            raise
        self.note(question, answer)
        return answer

    def note(self, question: str, answer: Any) -> None:
        self.heard.append([question, answer])

    def act(self, deed: Callable[[], object]) -> None:
        deed()


def look_document(kind: str, now: datetime, run: Run, due: Sequence[str]) -> dict[str, Any]:
    """How a look begins: its time, and what others have changed about the run. What is usual is left out.

    `kind`: `look`, `fault` (the engine failed on the run) or `settled` (a person said how it ends).
    """
    changed = {
        "stop": str(run.stop),
        "paused": run.paused_at is not None,
        "human_wait_ms": run.human_wait_ms,
        "nudged": run.nudged,
        "crashes": run.crashes if kind == "fault" else 0,
        "deadline_at": run.deadline_at.isoformat() if run.deadline_at is not None and run.deadline_at <= now else "",
        "due": list(due),
    }
    return {"kind": kind, "now": now.isoformat(), **{name: value for name, value in changed.items() if value}}
