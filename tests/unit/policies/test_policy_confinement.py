"""The walls around the evaluator, tried from the inside; and a child that is not ours any more, from the outside."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from controlplane.lib import clock
from policies import point as points
from policies.engine import embedded, framing, process
from policies.engine.embedded import LARGEST_DECISION, EmbeddedPoint
from policies.engine.process import EvaluatorProcess
from policies.engine.protocol import Layers, PointFailure, Program

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Program("p", {"m.rego": 'package interlock.main\ndecision := {"said": 1}'}, {})

INSIDE = """
import ctypes, json, os, signal, socket, subprocess, sys, threading
sys.path.insert(0, ROOT)
from policies.engine import confine
parent, scratch = os.getppid(), SCRATCH
libc = ctypes.CDLL(None, use_errno=True)

def syscall(*arguments):
    if libc.syscall(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

states = confine.confine(["/usr/lib"], 384)
CLONE, TGKILL, MEMFD = (56, 234, 319) if os.uname().machine == "x86_64" else (220, 131, 279)
attempts = {
    "run a program": lambda: os.execv("/bin/true", ["true"]),
    "start a program": lambda: subprocess.run(["/bin/true"]),
    "fork": os.fork,
    "clone a process": lambda: syscall(CLONE, signal.SIGCHLD, 0, 0, 0, 0),
    "read a file": lambda: open("/etc/hostname"),
    "read its parent's memory": lambda: open(f"/proc/{parent}/mem", "rb"),
    "read its parent's environment": lambda: open(f"/proc/{parent}/environ"),
    "list a folder": lambda: os.listdir("/"),
    "write a file": lambda: open(scratch + "/written", "w"),
    "make a folder": lambda: os.mkdir(scratch + "/folder"),
    "make a link": lambda: os.symlink("/etc/passwd", scratch + "/link"),
    "remove a file": lambda: os.unlink(scratch + "/kept"),
    "change a mode": lambda: os.chmod(scratch + "/kept", 0o777),
    "change an owner": lambda: os.chown(scratch + "/kept", 1, 1),
    "change a time": lambda: os.utime(scratch + "/kept", (0, 0)),
    "an attribute": lambda: os.setxattr(scratch + "/kept", "user.x", b"1"),
    "signal its parent": lambda: os.kill(parent, 0),
    "signal its parent's thread": lambda: syscall(TGKILL, parent, parent, 0),
    "a socket": socket.socket,
    "a datagram": lambda: socket.socket(type=socket.SOCK_DGRAM),
    "a Unix socket": lambda: socket.socket(socket.AF_UNIX),
    "a pair of sockets": socket.socketpair,
    "set the clock": lambda: __import__("time").clock_settime(0, 1),
    "name the host": lambda: socket.sethostname("evil"),
    "a root of its own": lambda: os.chroot(scratch),
}
tried = {}
for name, attempt in attempts.items():
    try:
        attempt(); tried[name] = "done"
    except (OSError, RuntimeError) as error:
        tried[name] = type(error).__name__
thread = threading.Thread(target=lambda: tried.update({"a thread of its own": "done"}))
thread.start(); thread.join()
try:
    bytearray(600 << 20); tried["six hundred megabytes"] = "done"
except MemoryError:
    tried["six hundred megabytes"] = "MemoryError"
print(json.dumps([states, tried]))
"""


def test_the_confined_child_can_do_nothing_but_think(tmp_path: Path) -> None:
    """The same layers around a plain script: each forbidden thing is tried from the inside."""
    (tmp_path / "kept").write_text("mine")
    script = INSIDE.replace("ROOT", repr(str(ROOT))).replace("SCRATCH", repr(str(tmp_path)))
    command = [sys.executable, "-I", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={}, check=True)
    states, tried = json.loads(done.stdout)
    if set(states.values()) != {"on"}:
        pytest.skip(f"this machine lacks a layer: {states}")
    assert tried.pop("a thread of its own") == "done", "Go needs threads"
    assert tried.pop("six hundred megabytes") == "MemoryError"
    assert {name: told for name, told in tried.items() if told != "PermissionError"} == {}
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize("layer", ["limits", "landlock", "seccomp"])
@pytest.mark.parametrize("state", ["absent", "failed"])
def test_production_refuses_to_decide_without_a_layer_and_elsewhere_it_is_said(
    layer: str, state: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    greet = EvaluatorProcess._greeting

    def greeting(child: EvaluatorProcess) -> Layers:
        return Layers({**greet(child).states, layer: state})

    monkeypatch.setattr(EvaluatorProcess, "_greeting", greeting)
    production = EmbeddedPoint(deadline_s=1, confined_only=True)
    with pytest.raises(PointFailure, match="pdp_unconfined"):
        production.evaluate(PROGRAM, {})
    assert production.pids() == [], "nothing unconfined is left running"
    elsewhere = EmbeddedPoint(deadline_s=1, confined_only=False)
    assert elsewhere.evaluate(PROGRAM, {}) == {"said": 1}
    elsewhere.close()
    assert "not fully confined" in caplog.text


def test_the_setting_of_production_is_what_the_point_goes_by(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def start(*, confined_only: bool, **_: object) -> EvaluatorProcess:
        asked.append(confined_only)
        raise PointFailure("pdp_unconfined")

    monkeypatch.setattr(embedded, "start", start)
    for production in (True, False):
        settings.INTERLOCK_PRODUCTION = production  # type: ignore[attr-defined]
        with pytest.raises(PointFailure):
            points._embedded.__wrapped__().evaluate(PROGRAM, {})
    assert asked == [True, False]


GREETING = framing.pack({"layers": dict.fromkeys(("limits", "landlock", "seccomp"), "on")})


def answer(**members: object) -> bytes:
    return framing.pack({"id": 1, **members})


def written(*frames: bytes, then: str = "time.sleep(60)") -> str:
    """A child that is not ours any more: greets, reads the first request, writes what it likes."""
    return textwrap.dedent(f"""
        import os, time
        os.write(4, {GREETING!r})
        os.read(3, 1 << 20)
        for frame in {list(frames)!r}:
            os.write(4, frame)
        {then}
    """)


IMPOSTORS = {
    "garbage": written(b"\x00\x00\x00\x04nope"),
    "not an object": written(b"\x00\x00\x00\x02[]"),
    "a frame beyond all measure": written(b"\xff\xff\xff\xff"),
    "a frame larger than a decision": written(framing.HEADER.pack(LARGEST_DECISION + 1)),
    "half a frame": written(answer(value={"said": 1})[:-3]),
    "half a header": written(b"\x00\x00"),
    "half a frame, then the end": written(answer(value={"said": 1})[:-3], then=""),
    "the end": written(then=""),
    "nothing": written(),
    "the answer to another question": written(framing.pack({"id": 7, "value": {"said": 1}})),
    "the answer to no question": written(framing.pack({"value": {"said": 1}})),
    "a true number as id": written(framing.pack({"id": True, "value": {"said": 1}})),
    "zeros without end": written(then="while True: os.write(4, bytes(65536))"),
    "an answer that comes drop by drop": written(
        answer(value={"said": "x" * 500})[:20], then="while True: os.write(4, b'x'); time.sleep(0.05)"
    ),
    "a number that is none": written(b'\x00\x00\x00\x0f{"id":1,"value"' + b":NaN}"),
    "depth without end": written(framing.HEADER.pack(200_000), then="os.write(4, b'[' * 200_000)"),
    "no bytes of text": written(framing.HEADER.pack(4) + b"\xff\xfe\xfd\xfc"),
}


@pytest.fixture
def impostor(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], EvaluatorProcess]:
    def start(script: str) -> EvaluatorProcess:
        monkeypatch.setattr(process, "_command", lambda *_: [sys.executable, "-I", "-S", "-c", script])
        return EvaluatorProcess()

    return start


@pytest.mark.parametrize("name", IMPOSTORS)
def test_a_child_that_speaks_otherwise_is_killed_and_believed_in_nothing(
    name: str, impostor: Callable[[str], EvaluatorProcess]
) -> None:
    child = impostor(IMPOSTORS[name])
    began = clock.monotonic()
    with pytest.raises(PointFailure, match=r"pdp_(timeout|unavailable)"):
        child.ask({"verb": "evaluate"}, deadline_s=0.4, largest=LARGEST_DECISION)
    assert clock.monotonic() - began < 3
    assert not child.alive
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
    with pytest.raises(PointFailure, match="has ended"):
        child.ask({"verb": "evaluate"}, deadline_s=0.4)


def test_a_second_answer_is_not_taken_for_that_of_the_next_question(
    impostor: Callable[[str], EvaluatorProcess],
) -> None:
    child = impostor(written(answer(value={"said": 1}), answer(value={"said": "ALLOW"})))
    assert child.ask({"verb": "evaluate"}, deadline_s=2) == {"said": 1}
    with pytest.raises(PointFailure, match="another question"):
        child.ask({"verb": "evaluate"}, deadline_s=2)


@pytest.mark.parametrize("greeting", ["", "os.write(4, b'hello, I am fine')", "os.write(4, b'\\0\\0\\0\\x02{}')"])
def test_a_child_that_does_not_introduce_itself_is_not_asked(
    greeting: str, impostor: Callable[[str], EvaluatorProcess]
) -> None:
    with pytest.raises(PointFailure, match="pdp_unavailable"):
        impostor(f"import os\n{greeting}")


@pytest.mark.parametrize("deep", [True, False])
def test_a_question_that_does_not_fit_harms_nobody(deep: bool) -> None:
    child = EvaluatorProcess()
    huge: object = "x" * (framing.LARGEST + 1)
    for _ in range(50_000 if deep else 0):
        huge = [huge if isinstance(huge, list) else 1]
    with pytest.raises(PointFailure, match="pdp_error"):
        child.ask({"verb": "evaluate", "document": huge}, deadline_s=1)
    assert child.alive
    child.kill()
