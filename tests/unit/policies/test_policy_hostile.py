"""What a hostile policy or input may try. Nothing of it stalls, leaks or keeps the next question from its answer."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.lib import clock
from policies.engine.embedded import EmbeddedPoint
from policies.engine.protocol import PointFailure, Program

ROOT = Path(__file__).resolve().parents[3]
HONEST = Program("honest", {"m.rego": 'package interlock.main\ndecision := {"said": input.word}'}, {})
SECRET = "very-secret-of-the-parent"


@pytest.fixture
def point() -> Iterator[EmbeddedPoint]:
    made = EmbeddedPoint(deadline_s=0.4, confined_only=False)
    yield made
    made.close()


def hostile(rule: str) -> Program:
    """`rule` runs only when the input says so, as a clever author would write it."""
    source = f"""package interlock.main

default decision := {{"said": "nothing"}}

decision := {{"said": got}} if {{
	input.attack
	{rule}
}}
"""
    return Program(f"hostile {hash(rule)}", {"m.rego": source}, {})


BIG = "numbers.range(1, 30000)"
STALLS = {
    "loop over a product": f"got := count([1 | some x in {BIG}; some y in {BIG}; x * y == 7])",
    "a hundred million numbers": "got := count(numbers.range(1, 100000000))",
    "a string that doubles": 'got := concat("", [s | some _ in numbers.range(1, 60000000); s := "xxxxxxxxxxxxxxxx"])',
    "every address of a /4": 'got := count(net.cidr_expand("16.0.0.0/4"))',
    "a number of ten billion bits": "got := bits.lsh(1, 10000000000)",
    "products of products": f"got := count([z | some a in {BIG}; some b in {BIG}; some c in {BIG}; z := a * b * c])",
}


@pytest.mark.parametrize("name", STALLS)
def test_what_would_never_end_is_killed_in_time(point: EmbeddedPoint, name: str) -> None:
    point.layers()
    started = clock.monotonic()
    with pytest.raises(PointFailure) as refused:
        point.evaluate(hostile(STALLS[name]), {"attack": True})
    assert refused.value.code in {"pdp_timeout", "pdp_unavailable", "pdp_error"}
    assert clock.monotonic() - started < 8
    assert point.evaluate(HONEST, {"word": "still here"}) == {"said": "still here"}


OUTWARD = {
    "an HTTP request": 'got := http.send({"method": "get", "url": "http://127.0.0.1:9/", "raise_error": false})',
    "a look-up of a name": 'got := net.lookup_ip_addr("localhost")',
    "a schema by file": 'got := json.match_schema({}, {"$ref": "file:///etc/passwd"})',
    "a schema by file of the parent": f'got := json.match_schema({{}}, {{"$ref": "file:///proc/{os.getpid()}/environ"}})',
    "a schema by address": 'got := json.match_schema({}, {"$ref": "http://127.0.0.1:9/schema.json"})',
    "the environment": "got := opa.runtime()",
    "everything it can see": "got := [data, input]",
}


@pytest.mark.parametrize("name", OUTWARD)
def test_nothing_of_the_machine_can_be_read(point: EmbeddedPoint, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERLOCK_TEST_SECRET", SECRET)
    try:
        seen = json.dumps(point.evaluate(hostile(OUTWARD[name]), {"attack": True}))
    except PointFailure as failure:
        seen = str(failure)
    assert SECRET not in seen
    assert "root:" not in seen
    assert "200 OK" not in seen


def test_exponential_patterns_are_answered_at_once(point: EmbeddedPoint) -> None:
    rule = 'got := regex.match("^(a+)+$", concat("", [concat("", ["a" | some _ in numbers.range(1, 5000)]), "!"]))'
    assert point.evaluate(hostile(rule), {"attack": True}) == {"said": False}


def test_print_cannot_speak_on_the_protocol(point: EmbeddedPoint) -> None:
    rule = 'some _ in numbers.range(1, 2000)\n\tprint("\\u0000\\u0000\\u0000\\u0001{}")\n\tgot := "printed"'
    assert point.evaluate(hostile(rule), {"attack": True}) == {"said": "printed"}


def test_an_answer_beyond_all_measure_is_no_answer(point: EmbeddedPoint) -> None:
    rule = f'got := [s | some i in numbers.range(1, 600000); s := sprintf("%d%s", [i, "{"x" * 60}"])]'
    with pytest.raises(PointFailure):
        point.evaluate(hostile(rule), {"attack": True})
    assert point.evaluate(HONEST, {"word": 1}) == {"said": 1}


def test_a_program_that_keeps_killing_is_held_back_and_others_go_on(point: EmbeddedPoint) -> None:
    program = hostile(STALLS["loop over a product"])
    codes = []
    for _ in range(3):
        with pytest.raises(PointFailure) as refused:
            point.evaluate(program, {"attack": True})
        codes.append(refused.value.code)
    assert codes == ["pdp_timeout", "pdp_quarantined", "pdp_quarantined"]
    assert point.evaluate(HONEST, {"word": 1}) == {"said": 1}


def test_the_confined_child_can_neither_start_nor_reach_nor_write_anything() -> None:
    """The same layers around a plain script: each forbidden thing is tried from the inside."""
    script = f"""
import os, sys, json
sys.path.insert(0, {str(ROOT)!r})
from policies.engine import confine
states = confine.confine(["/usr/lib"], 384)
tried = {{}}
def attempt(name, what):
    try:
        what(); tried[name] = "done"
    except OSError as error:
        tried[name] = type(error).__name__
attempt("exec", lambda: os.execv("/bin/true", ["true"]))
attempt("read", lambda: open("/etc/hostname"))
attempt("write", lambda: open("/tmp/interlock-confined", "w").write("x"))
attempt("environ", lambda: open("/proc/%d/environ" % os.getppid()).read())
attempt("kill", lambda: os.kill(os.getppid(), 0))
attempt("socket", lambda: __import__("socket").socket())
print(json.dumps([states, tried]))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, timeout=30, env={}, check=True
    )
    states, tried = json.loads(done.stdout)
    if set(states.values()) != {"on"}:
        pytest.skip(f"this machine lacks a layer: {states}")
    assert set(tried.values()) == {"PermissionError"}
    assert not Path("/tmp/interlock-confined").exists()
