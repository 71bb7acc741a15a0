"""R1: the engine itself, run again over rows that exist in memory only, with a virtual clock and recorded answers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.calls import CallSpec
from controlplane.lib import clock
from controlplane.lib.canonical import digest
from tenants import scope
from workflows import grounds, locks, starting
from workflows.definition.model import Definition, build
from workflows.engine import ending, looking
from workflows.engine.answers import answer_of
from workflows.engine.outward import Outward
from workflows.models import Run, Step, WorkflowVersion
from workflows.replay.material import Material
from workflows.replay.player import NotCovered, Outputs, Played, Player, Strayed, deciding
from workflows.replay.report import Missing
from workflows.types import RunState

LATER = timedelta(days=1)
ANSWERS = {"rolled_back": RunState.ROLLED_BACK, "abandoned": RunState.ABANDONED}


@dataclass
class Course:
    """What the engine did. `told`: its events in order, each with the look it belongs to; `asked`: the calls it wanted
    by idempotency key; `ended`: why it could not go on, empty when it came to the end of the tape."""

    told: list[tuple[int, object]] = field(default_factory=list)
    asked: dict[str, CallSpec] = field(default_factory=dict)
    looks: int = 0
    ended: str = ""
    uncovered: str = ""


@dataclass(frozen=True)
class Recording:
    """The opened content that R1 stands on."""

    ground: Mapping[str, Any]
    trigger: Any
    document: dict[str, Any]
    assets: Mapping[str, Any]
    version: str
    digest: str
    looks: list[dict[str, Any]]
    outputs: Mapping[str, str]


def recording(material: Material) -> Recording:
    """Raises NotCovered when a part of it is missing."""
    started = material.first("run.started")
    if started is None:
        raise NotCovered("the run has no beginning here", Missing.START)
    ground, trigger = material.document(started, "/data/ground"), material.document(started, "/data/trigger")
    pinned = str(started.data["definition_digest"])
    tape = material.document(material.last("run.closed"), "/data/tape") or _open_tape(material)
    wanted = {"ground": ground, "trigger": trigger, "definition": material.documents.get(pinned), "tape": tape}
    missing = [name for name, value in wanted.items() if value is None]
    if missing or tape is None:
        code = Missing.DEFINITION if missing == ["definition"] else Missing.CONTENT
        raise NotCovered(f"not open: {', '.join(missing)}", code)
    content = json.loads(material.documents[pinned])
    return Recording(
        ground, trigger, content["definition"], content["assets"], str(started.data["version"]), pinned,
        tape["looks"], tape["outputs"],
    )  # fmt: skip


def _open_tape(material: Material) -> Mapping[str, Any] | None:
    return {"looks": list(material.tape), "outputs": {}} if material.tape else None


def play(material: Material, tape: Recording) -> Course:
    """Run the engine over the whole tape. Touches no database, no network and no clock but the tape's."""
    course = Course()
    with scope.enter(material.tenant_id):
        try:
            stage = Stage(material, tape, course)
            for number, look in enumerate(tape.looks):
                course.looks = number + 1
                stage.look(look)
        except Strayed as stray:
            course.ended = str(stray)
        except NotCovered as missing:
            course.uncovered = str(missing)
    return course


class Stage:
    """The rows of the run, from look to look."""

    def __init__(self, material: Material, tape: Recording, course: Course) -> None:
        self._course, self._outputs = course, Outputs(material)
        self._definition = build(tape.document)
        self._run = _run(material, tape)
        self._contents = _contents(tape)
        self._steps = {step.key: step for step in rows(self._run, self._definition, tape.ground["kept"])}
        self._due_call: Outward | None = None
        course.told.append((0, starting.started(self._run, tape.trigger, tape.ground)))

    def look(self, look: Mapping[str, Any]) -> None:
        now = datetime.fromisoformat(look["now"])
        with clock.frozen(now):
            work = self._work(look, now)
            try:
                call = _KINDS[look["kind"]](self, work, look)
            except KeyError as unknown:
                raise Strayed(f"the run knew nothing of {unknown}") from unknown
        if isinstance(work.tape, Player) and (left := work.tape.left()):
            raise Strayed(f"it does not ask “{left[0]}”, as the run did")
        self._course.told += [(self._course.looks, event) for event in work.events]
        self._note(call)
        work.written()

    def _work(self, look: Mapping[str, Any], now: datetime) -> Played:
        run, due = self._run, set(look.get("due", []))
        locks.hold(run, *self._steps.values())
        paused = {"paused_at": now if look.get("paused") else None}
        told = {name: look.get(name, 0) for name in ("human_wait_ms", "crashes")}
        locks.change(run, stop=look.get("stop", ""), nudged=look.get("nudged", False), **paused, **told)
        if "deadline_at" in look:
            locks.change(run, deadline_at=datetime.fromisoformat(look["deadline_at"]))
        for step in self._steps.values():
            if step.key in due:
                locks.change(step, due_at=now)
            elif step.due_at is not None and step.due_at <= now:
                locks.change(step, due_at=now + LATER)
        work = Played(run, self._steps, now, self._contents, tape=Player(look.get("heard", [])))
        work.__dict__["definition"] = self._definition
        work.decide = deciding(work)
        return work

    def _carried(self, work: Played, look: Mapping[str, Any]) -> Outward | None:
        if "answer" not in look:
            found = looking.first([work], deciding(work))
            return found[0][1] if found else None
        if self._due_call is None or self._due_call.step != look["step"]:
            wanted = self._due_call.step if self._due_call else "no step"
            raise Strayed(f"it calls for {wanted} where the run called for {look['step']}")
        return looking.answered(work, look["step"], answer_of(look["answer"], self._outputs))

    def _faulted(self, work: Played, look: Mapping[str, Any]) -> Outward | None:
        looking.faulted(work)
        return self._due_call

    def _settled(self, work: Played, look: Mapping[str, Any]) -> Outward | None:
        ending.close(work, ANSWERS[look["settled"]], "")
        return None

    def _note(self, call: Outward | None) -> None:
        """An idempotency key names one intention: asked again, it is the same."""
        self._due_call = call
        if call is not None and call.spec is not None:
            self._course.asked.setdefault(call.spec.idempotency_key, call.spec)


_Look = Callable[[Stage, Played, Mapping[str, Any]], Outward | None]
_KINDS: Mapping[str, _Look] = {"look": Stage._carried, "fault": Stage._faulted, "settled": Stage._settled}


def _run(material: Material, tape: Recording) -> Run:
    run = grounds.run_of(material.run_id, tape.ground)
    run.version = WorkflowVersion(
        id=run.version_id,
        version=tape.version,
        digest=tape.digest,
        document=tape.document,
        assets=tape.assets,
    )
    run.trigger_digest = digest(tape.trigger)
    return run


def rows(run: Run, definition: Definition, kept: Mapping[str, Any]) -> list[Step]:
    """The steps as they were when the run started. `kept`: what an earlier run had done of it."""
    before = {
        key: Step(state=told["state"], output_digest="" if told["output"] is None else digest(told["output"]))
        for key, told in kept.items()
    }
    return starting.steps_of(run, definition, before)


def _contents(tape: Recording) -> dict[str, Any]:
    kept = [told["output"] for told in tape.ground["kept"].values() if told["output"] is not None]
    known = {digest(value): value for value in (tape.trigger, *kept)}
    return known | {key: json.loads(content) for key, content in tape.outputs.items()}
