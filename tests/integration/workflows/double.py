"""A gateway that answers from a script, for states that real vendors rarely show. Effects are counted."""

import uuid
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from connectors.calls import CallSpec, CallState, CallStatus
from tenants.actors import Actor


@dataclass
class Scripted:
    """`script`: what each step's call answers, in order; the last answer stays. `undo`: the same on the way back."""

    script: dict[str, list[Any]] = field(default_factory=dict)
    undo: dict[str, list[Any]] = field(default_factory=dict)
    calls: dict[str, UUID] = field(default_factory=dict)
    made: list[tuple[str, str]] = field(default_factory=list)
    specs: dict[str, CallSpec] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)
    step_of: dict[UUID, str] = field(default_factory=dict)
    undo_of: dict[str, UUID] = field(default_factory=lambda: defaultdict(uuid.uuid4))

    def propose(self, *, spec: CallSpec, actor: Actor) -> CallStatus:
        self.made.append(("propose", spec.step_id))
        call_id = self.calls.setdefault(spec.idempotency_key, uuid.uuid4())
        self.step_of[call_id] = spec.step_id
        self.specs[spec.step_id], self.actors[spec.step_id] = spec, actor
        return CallStatus(call_id, CallState.PROPOSED)

    def advance(self, *, call_id: UUID, actor: Actor) -> CallStatus:
        return self._answer("advance", self.step_of[call_id], call_id, self.script)

    def probe(self, *, call_id: UUID, actor: Actor) -> CallStatus:
        return self._answer("probe", self.step_of[call_id], call_id, self.script)

    def compensate(self, *, call_id: UUID, actor: Actor) -> CallStatus:
        step = self.step_of[call_id]
        return self._answer("compensate", step, self.undo_of[step], self.undo)

    def _answer(self, verb: str, step: str, call_id: UUID, script: dict[str, list[Any]]) -> CallStatus:
        self.made.append((verb, step))
        answers = script.get(step, [DONE])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return replace(answer, call_id=call_id)


_NOBODY = UUID(int=0)
OUTPUTS = {"value": "x"}
DONE = CallStatus(_NOBODY, CallState.SUCCEEDED, output=OUTPUTS)


def at(state: str, code: str = "", **more: Any) -> CallStatus:
    return CallStatus(_NOBODY, CallState(state), code=code, **more)
