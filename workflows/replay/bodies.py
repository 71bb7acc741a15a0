"""The events of a run as a replay makes them: what the engine says anew, what else is on record, and every commitment
computed from the content that is open."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.calls import CallSpec
from controlplane.lib import events as catalogue
from controlplane.lib.canonical import canonical
from controlplane.lib.events import Committed
from evidence.verify import merkle
from evidence.verify.envelope import Event, event_hash, is_commitment, pointer
from tenants.actors import Actor
from workflows.events import RunClosedEvent
from workflows.replay.machine import Course
from workflows.replay.material import Material, canonical_body

ENGINE = frozenset(
    {
        "run.started",
        "run.step_settled",
        "run.sub_run_started",
        "run.loop_begun",
        "run.turned_back",
        "run.needs_attention",
        "run.dead_lettered",
        "run.closed",
    }
)
"""What the engine says, and nobody else."""

PROPOSED, SEALED = "tool.call.proposed", "run.sealed"


@dataclass
class Made:
    """An event made again. `by`: `engine`, `call` (its arguments are the engine's), `seal`, or `record`.

    `uncovered`: commitments whose content is not open; they stand as recorded. `contents`: what each other one is of.
    """

    event: Event
    by: str
    data: dict[str, Any]
    body: bytes = b""
    uncovered: list[str] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)

    @property
    def hash(self) -> bytes:
        return event_hash(self.body)


class Absent(Exception):
    """The record has an event which the engine did not come to say."""


@dataclass
class Maker:
    """Makes the events of a run one after the other; each names the one made before it."""

    material: Material
    course: Course | None = None
    _hashes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._told = iter(self.course.told if self.course else ())

    def make(self, event: Event) -> Made:
        """The event at the next place of the run; raises Absent."""
        made = self._made(event)
        made.body = canonical_body(event, made.data, self._link(event), self._actor(made))
        self._hashes.append(made.hash)
        return made

    def left(self) -> list[str]:
        """Events that the engine said and the record does not have."""
        return [catalogue.type_of(event) for _, event in self._told]

    def _made(self, event: Event) -> Made:
        if event.type == SEALED:
            return Made(event, "seal", self._seal(event))
        if self.course is not None and event.type in ENGINE:
            return self._of_engine(event)
        if self.course is not None and _is_of_a_step(event):
            return self._of_call(event, self.course.asked)
        made = Made(event, "record", {})
        made.data = {name: self._again(made, pointer("/data", name), value) for name, value in event.data.items()}
        return made

    def _of_engine(self, event: Event) -> Made:
        told = next(self._told, None)
        if told is None or catalogue.type_of(told[1]) != event.type:
            said = catalogue.type_of(told[1]) if told else "nothing more"
            raise Absent(f"the engine says {said}")
        made = Made(event, "engine", {})
        fields = catalogue.fields_of(self._whole(event, told[1]))
        made.data = {name: self._sealed(made, f"/data/{name}", value) for name, value in fields.items()}
        return made

    def _whole(self, event: Event, said: object) -> object:
        """The tape is what was listened to, not what was said: it goes on record as it was."""
        tape = self.material.content(event, "/data/tape")
        return replace(said, tape=Committed(tape)) if isinstance(said, RunClosedEvent) and tape is not None else said

    def _of_call(self, event: Event, asked: Mapping[str, CallSpec]) -> Made:
        spec = asked.get(str(event.data["idempotency_key"]))
        if spec is None:
            raise Absent(f"the engine does not ask for the call of {event.data.get('step')}")
        made = Made(event, "call", {})
        said = {
            "tool": spec.tool,
            "tool_version": spec.tool_version,
            "connector": spec.instance,
            "step": spec.step_id,
            "args": Committed(canonical(spec.args)),
            **({"ticket": spec.ticket} if spec.ticket else {}),
        }
        data = {**{name: value for name, value in event.data.items() if name not in {*said, "ticket"}}, **said}
        made.data = {name: self._sealed(made, f"/data/{name}", value) for name, value in data.items()}
        return made

    def _sealed(self, made: Made, path: str, value: Any) -> Any:
        if isinstance(value, Committed):
            return self._committed(made, path, value)
        if isinstance(value, dict):
            return {name: self._sealed(made, pointer(path, name), member) for name, member in value.items()}
        if isinstance(value, list):
            return [self._sealed(made, pointer(path, str(at)), item) for at, item in enumerate(value)]
        return value

    def _committed(self, made: Made, path: str, value: Committed) -> Any:
        found = self.material.commitment(made.event, path, value.content)
        if found is None:
            made.uncovered.append(path)
            return dict(_at(made.event.data, path))
        made.contents[path] = value.content
        return {"c": found, "len": len(value.content), "mt": value.media_type}

    def _again(self, made: Made, path: str, value: Any) -> Any:
        """A member as recorded, with its commitments computed from what is open."""
        if is_commitment(value):
            content = self.material.content(made.event, path)
            if content is None:
                made.uncovered.append(path)
                return dict(value)
            return self._committed(made, path, Committed(content, value["mt"]))
        if isinstance(value, dict):
            return {name: self._again(made, pointer(path, name), member) for name, member in value.items()}
        if isinstance(value, list):
            return [self._again(made, pointer(path, str(at)), item) for at, item in enumerate(value)]
        return value

    def _seal(self, event: Event) -> dict[str, Any]:
        root = merkle.root_of([merkle.leaf_hash(one) for one in self._hashes])
        return {**event.data, "count": len(self._hashes), "root": root.hex()}

    def _link(self, event: Event) -> dict[str, Any]:
        place = len(self._hashes) + 1
        link: dict[str, Any] = {"id": event.run, "seq": place}
        return link | ({"prev": self._hashes[-1].hex()} if self._hashes else {})

    def _actor(self, made: Made) -> dict[str, Any]:
        if made.by != "engine" or made.event.type == "run.started":
            return dict(made.event.actor)
        engine = Actor.system(self.material.tenant_id, "engine")
        return {"kind": engine.kind, "id": str(engine.id), "method": engine.method}


def _is_of_a_step(event: Event) -> bool:
    """What the gateway asks for by itself (the read of a target, an undo, a message) has keys of its own."""
    return event.type == PROPOSED and event.data.get("idempotency_key") == f"{event.run}:{event.data.get('step')}"


def _at(data: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """What the event commits to at a place; nothing where it holds no commitment."""
    found: Any = data
    for name in path.removeprefix("/data/").split("/"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
