"""The other end of the tape: what was learned while a run was recorded, told to the engine again, in its order."""

import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from controlplane.lib.errors import DomainError
from policies.asking import Occasion
from policies.types import Decision
from tenants.actors import Actor
from tenants.errors import PayloadExpired
from workflows.engine.answers import decision_of
from workflows.engine.work import Work
from workflows.replay.material import Material
from workflows.replay.report import Missing


class Strayed(Exception):
    """The engine asked something else than the run had asked when it was recorded."""


class NotCovered(Exception):
    """What the replay needs is not there."""

    def __init__(self, what: str, code: Missing = Missing.CONTENT) -> None:
        super().__init__(what)
        self.code = code


class Retold(DomainError):
    """A refusal as it was recorded."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code  # type: ignore[misc]


class Player:
    """`workflows.engine.tape.Tape`, played."""

    def __init__(self, heard: Sequence[Sequence[Any]]) -> None:
        self._heard = list(heard)

    def learn(self, question: str, ask: Callable[[], Any]) -> Any:
        known, answer = self._next(question)
        if known != question:
            raise Strayed(f"it asks “{question}” where the run asked “{known}”")
        if isinstance(answer, dict) and "refused" in answer:
            raise Retold(*answer["refused"])
        return answer

    def note(self, question: str, answer: Any) -> None:
        """What is noted here was read from the tape."""

    def act(self, deed: Callable[[], object]) -> None:
        """Nothing outside is touched."""

    def refused(self, question: str) -> bool:
        """Whether the run was refused just this, here; then it is off the tape."""
        if not self._heard or self._heard[0][0] != question:
            return False
        self._heard.pop(0)
        return True

    def left(self) -> list[str]:
        return [question for question, _ in self._heard]

    def _next(self, question: str) -> Sequence[Any]:
        if not self._heard:
            raise Strayed(f"it asks “{question}” where the run asked nothing")
        return self._heard.pop(0)


class Played(Work):
    """A run under the hands of a replay: nothing is read from a database."""

    def _read(self, digest: str) -> Any:
        player = self.tape
        if isinstance(player, Player) and player.refused(f"content {digest}"):
            raise PayloadExpired(f"the content {digest[:12]}… is no longer kept")
        raise NotCovered(f"the content {digest[:12]}… is not open")


def deciding(work: Played) -> Callable[..., list[Decision]]:
    """`decide_many` as the run has heard it."""

    def decide(questions: Sequence[Occasion], *, actor: Actor) -> list[Decision]:  # noqa: ARG001
        return [decision_of(work.tape.learn("decision", list), work.now) for _ in questions]

    return decide


class Outputs:
    """Outputs of calls: the content that their events committed to."""

    def __init__(self, material: Material) -> None:
        self._material = material

    def __call__(self, call_id: UUID, digest: str) -> Any:
        """By the call, not by the digest: an answer that was tampered with is played as it now reads."""
        for event in reversed(self._material.events):
            if event.type == "tool.call.completed" and event.data.get("call_id") == str(call_id):
                content = self._material.content(event, "/data/output")
                if content is None:
                    raise NotCovered(f"the answer of call {call_id} is not open")
                return json.loads(content)
        if digest in self._material.kept:
            return json.loads(self._material.kept[digest])
        raise NotCovered(f"no event holds the answer {digest[:12]}… of call {call_id}")
