"""What hostile policies and inputs may try. Nothing of it stalls, leaks or keeps the next question from its answer."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from controlplane.lib import clock, ids
from policies import gate
from policies.engine import workshop
from policies.engine.embedded import EmbeddedPoint
from policies.engine.pool import LOAD_S
from policies.engine.process import MEMORY_MB
from policies.engine.protocol import PointFailure, Program
from policies.engine.workshop import Purpose
from tests.unit.policies import attacks

HONEST = Program("honest", {"m.rego": 'package interlock.main\ndecision := {"said": input.word}'}, {})
SECRET = "very-secret-of-the-parent"
DEADLINE_S = 0.4
HEAP_BESIDES_MB = 160
"""What the limit does not count: the library's code, and pages that are shared with the file."""


@dataclass
class Listener:
    """A server that somebody inside might call."""

    port: int = 0
    calls: list[object] = field(default_factory=list)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Listener(server.getsockname()[1])

        def take() -> None:
            while True:
                try:
                    connection, who = server.accept()
                except OSError:
                    return
                found.calls.append(who)
                connection.close()

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield found
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.fixture(scope="module")
def shared_point() -> Iterator[EmbeddedPoint]:
    made = EmbeddedPoint(deadline_s=DEADLINE_S, confined_only=False)
    yield made
    made.close()


@pytest.fixture
def point(shared_point: EmbeddedPoint) -> EmbeddedPoint:
    shared_point.evaluate(HONEST, {"word": "first"})
    return shared_point


class Memory:
    """The most that the children had at any time, sampled."""

    def __init__(self, point: EmbeddedPoint) -> None:
        self.most_mb = 0.0
        self._point, self._over = point, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self.most_mb = max([self.most_mb, *map(_resident_mb, self._point.pids())])


def _resident_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    except (OSError, IndexError):
        return 0.0


def hostile(rule: str) -> Program:
    """`rule` runs only when the input says so, as a clever author would write it."""
    source = f"""package interlock.main

default decision := {{"said": "nothing"}}

decision := {{"said": got}} if {{
\tinput.attack
\t{rule}
}}
"""
    return Program(f"hostile {ids.uuid7()}", {"m.rego": source}, {})


def told(point: EmbeddedPoint, program: Program, document: dict[str, object]) -> str:
    """The answer or the coded failure, as text."""
    try:
        return json.dumps(point.evaluate(program, document))
    except PointFailure as failure:
        return str(failure)


def tried(point: EmbeddedPoint, program: Program, **more: object) -> str:
    """What came out of an attack, as text; in time, within memory, and the next question is answered in time too."""
    began = clock.monotonic()
    with Memory(point) as memory:
        seen = told(point, program, {"attack": True, **more})
    assert seen.startswith(("{", "pdp_timeout", "pdp_unavailable", "pdp_error", "bad_decision"))
    assert clock.monotonic() - began < 2 * (LOAD_S + DEADLINE_S) + 10, "two loads, two questions, two starts"
    assert memory.most_mb < MEMORY_MB + HEAP_BESIDES_MB
    began = clock.monotonic()
    assert point.evaluate(HONEST, {"word": "still here"}) == {"said": "still here"}
    assert clock.monotonic() - began < 5
    return seen


@pytest.mark.parametrize("name", attacks.STALLS)
def test_what_would_never_end_is_ended(point: EmbeddedPoint, name: str) -> None:
    tried(point, hostile(attacks.rule(attacks.STALLS[name])))


@pytest.mark.parametrize("name", attacks.QUICK)
def test_what_hangs_other_engines_is_answered(name: str) -> None:
    patient = EmbeddedPoint(deadline_s=5, confined_only=False, seats=1)
    seen = tried(patient, hostile(f"got := {attacks.rule(attacks.QUICK[name])}"))
    patient.close()
    assert "pdp_timeout" not in seen
    assert "pdp_unavailable" not in seen


@pytest.mark.parametrize("name", attacks.READS)
def test_nothing_of_the_machine_can_be_taken(
    point: EmbeddedPoint, name: str, listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERLOCK_TEST_SECRET", SECRET)
    canary = tmp_path / "canary.json"
    canary.write_text(json.dumps({"title": SECRET, "type": "object"}))
    body = attacks.rule(attacks.READS[name], port=listener.port, canary=str(canary), pid=os.getpid())
    seen = tried(point, hostile(body), schema={"$ref": f"file://{canary}"})
    assert SECRET not in seen
    assert "root:" not in seen
    assert listener.calls == []


@pytest.mark.parametrize("name", sorted(set(attacks.READS) - {"everything it can see"}))
def test_what_reaches_out_reads_the_clock_or_draws_chance_is_never_signed(name: str) -> None:
    module = f"package interlock.packs.evil\n\ngrants contains got if {{\n\t{attacks.rule(attacks.READS[name])}\n}}"
    with workshop.evaluator(Purpose.AUTHORING, confined_only=False) as child:
        tree = child.ask({"verb": "parse", "modules": {"evil": module}}, deadline_s=5)["evil"]
    assert "forbidden_builtin" in {finding.code for finding in gate.inspect_pack("evil", tree)}


SCHEMAS = """# METADATA
# scope: package
# schemas:
# - input: {"type": "object", "$ref": "file://CANARY"}
# - input.x: {"$ref": "http://127.0.0.1:PORT/schema"}
"""


def test_schemas_in_annotations_are_not_fetched(point: EmbeddedPoint, listener: Listener, tmp_path: Path) -> None:
    canary = tmp_path / "canary.json"
    canary.write_text(json.dumps({"title": SECRET}))
    note = SCHEMAS.replace("CANARY", str(canary)).replace("PORT", str(listener.port))
    source = f'{note}package interlock.main\n\ndecision := {{"said": input.x}}'
    assert SECRET not in tried(point, Program("annotated", {"m.rego": source}, {}), x=1)
    assert listener.calls == []


def test_print_cannot_speak_on_the_protocol(point: EmbeddedPoint) -> None:
    rule = 'some _ in numbers.range(1, 2000)\n\tprint("\\u0000\\u0000\\u0000\\u0001{}")\n\tgot := "printed"'
    assert "printed" in tried(point, hostile(rule))


def test_an_answer_beyond_all_measure_is_no_answer(point: EmbeddedPoint) -> None:
    rule = f'got := [s | some i in numbers.range(1, 20000); s := sprintf("%d%s", [i, "{"x" * 60}"])]'
    assert "pdp_" in tried(point, hostile(rule))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a chain of functions", "\n".join(f"f{n}(x) := f{n + 1}(x)" for n in range(3000)) + "\nf3000(x) := x"),
        ("twenty thousand brackets", "x := " + "[" * 20_000),
        ("a rule of a million terms", "x := [" + ",".join(["1"] * 1_000_000) + "]"),
        ("a name of a megabyte", "x" * 1_000_000 + " := 1"),
        ("ten thousand rules of one name", "\n".join(f"r contains {n} if input.x == {n}" for n in range(10_000))),
        ("rules in a circle", "a if b\nb if c\nc if a"),
        ("no Rego at all", "\x00\x01\x02"),
    ],
)
def test_no_text_of_a_program_takes_the_point_along(point: EmbeddedPoint, name: str, source: str) -> None:
    text = f'package interlock.main\ndecision := {{"said": 1}}\n{source}'
    tried(point, Program(name, {"m.rego": text}, {}))


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


INPUTS: dict[str, Callable[[], object]] = {
    "fifty thousand lists deep": lambda: nested(50_000),
    "nine hundred lists deep": lambda: nested(900),
    "a number of a hundred thousand digits": lambda: 10**100_000,
    "a number of four thousand digits": lambda: 10**4_000,
    "not a number": lambda: float("nan"),
    "half of a character": lambda: "\ud800",
    "a string of forty megabytes": lambda: "x" * (40 << 20),
    "a string of twenty megabytes": lambda: "x" * (20 << 20),
    "a million members": lambda: {str(n): n for n in range(1_000_000)},
    "what is no JSON": lambda: {1, 2},
}


@pytest.mark.parametrize("name", INPUTS)
def test_no_input_takes_the_point_along(point: EmbeddedPoint, name: str) -> None:
    tried(point, hostile("got := count(json.marshal(input.value))"), value=INPUTS[name]())


@pytest.mark.parametrize(
    "data",
    [{"x": [["y" * 50] * 200] * 1500}, {"interlock": {"main": {"decision": {"effect": "ALLOW"}}}}],
    ids=["fifteen megabytes", "a decision"],
)
def test_no_data_takes_the_point_along_or_decides(point: EmbeddedPoint, data: dict[str, object]) -> None:
    assert "ALLOW" not in tried(point, Program(f"data {len(str(data))}", dict(HONEST.modules), data), word="x")


def test_a_program_that_keeps_killing_is_held_back_and_others_go_on(point: EmbeddedPoint) -> None:
    program = hostile(f"got := {attacks.LOOP}\n\tgot > 0")
    codes = []
    for _ in range(3):
        with pytest.raises(PointFailure) as refused:
            point.evaluate(program, {"attack": True})
        codes.append(refused.value.code)
    assert codes == ["pdp_timeout", "pdp_quarantined", "pdp_quarantined"]
    assert point.evaluate(HONEST, {"word": 1}) == {"said": 1}


def test_the_table_is_as_long_as_was_asked() -> None:
    assert len(attacks.STALLS) + len(attacks.READS) + len(attacks.QUICK) + len(INPUTS) >= 50
