"""One evaluator child: start it confined, ask it within a deadline, kill it. No Django."""

import contextlib
import fcntl
import json
import os
import select
import signal
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from controlplane.lib import clock
from policies.engine import framing
from policies.engine.protocol import Layers, PointFailure

_CHILD = Path(__file__).with_name("child.py")
_ABOVE_PROTOCOL = 10
_ALARM_MARGIN_S = 0.5
START_S = 15.0
MEMORY_MB = 384


class Refusal(Exception):
    """The child understood the request and could not do it: `code` and `message` of the OPA library."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class EvaluatorProcess:
    """A confined child process. Not safe under threads: its owner holds a lock around `ask`.

    Any doubt (late, cut off, malformed) kills it; a dead one is never asked again.
    """

    def __init__(self, *, memory_mb: int = MEMORY_MB, nice: int = 0) -> None:
        self._requests, self._replies, self.pid = _spawn(memory_mb, nice)
        self._sequence = 0
        self._alive = True
        self.layers = self._greeting()

    @property
    def alive(self) -> bool:
        return self._alive

    def ask(self, request: Mapping[str, Any], *, deadline_s: float, largest: int = framing.LARGEST) -> Any:
        """The value of the answer, of at most `largest` bytes. Raises Refusal, or PointFailure `pdp_timeout`,
        `pdp_unavailable`, and `pdp_error` for a request that cannot be put into a message (nobody is killed for it)."""
        if not self._alive:
            raise PointFailure("pdp_unavailable", "the evaluator has ended")
        self._sequence += 1
        frame = _packed({**request, "id": self._sequence, "alarm_s": deadline_s + _ALARM_MARGIN_S})
        until = clock.monotonic() + deadline_s
        with self._killed_on_doubt():
            self._send(frame, until)
            answer = self._receive(until, largest)
            if type(answer.get("id")) is not int or answer["id"] != self._sequence:
                raise PointFailure("pdp_unavailable", "the answer belongs to another question")
        return _value(answer)

    def kill(self) -> None:
        """End it now and collect it; safe to repeat."""
        if not self._alive:
            return
        self.forget()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def forget(self) -> None:
        """Close our ends and leave the child alone: what a forked copy of its owner must do."""
        self._alive = False
        for end in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                os.close(end)

    def _greeting(self) -> Layers:
        with self._killed_on_doubt():
            greeting = self._receive(clock.monotonic() + START_S)
            if not isinstance(greeting.get("layers"), dict):
                raise PointFailure("pdp_unavailable", "the evaluator did not introduce itself")
        return Layers(greeting["layers"])

    @contextlib.contextmanager
    def _killed_on_doubt(self) -> Iterator[None]:
        try:
            yield
        except (OSError, framing.BadFrame) as error:
            self.kill()
            raise PointFailure("pdp_unavailable", repr(error)) from error
        except BaseException:
            self.kill()
            raise

    def _send(self, frame: bytes, until: float) -> None:
        view = memoryview(frame)
        while view:
            _ready(self._requests, select.POLLOUT, until)
            view = view[os.write(self._requests, view) :]

    def _receive(self, until: float, largest: int = framing.LARGEST) -> dict[str, Any]:
        size = framing.length_of(self._read(framing.HEADER.size, until), largest)
        return framing.unpack(self._read(size, until))

    def _read(self, size: int, until: float) -> bytes:
        content = bytearray()
        while len(content) < size:
            _ready(self._replies, select.POLLIN, until)
            piece = os.read(self._replies, size - len(content))
            if not piece:
                raise PointFailure("pdp_unavailable", "the evaluator ended in the middle of an answer")
            content += piece
        return bytes(content)


def _packed(message: dict[str, Any]) -> bytes:
    try:
        return framing.pack(message)
    except (ValueError, TypeError, RecursionError) as error:
        raise PointFailure("pdp_error", f"the question does not fit into a message: {error}"[:200]) from error


def _value(answer: Mapping[str, Any]) -> Any:
    error = answer.get("error")
    if error is not None:
        raise Refusal(str(error.get("code")), str(error.get("message")))
    return answer.get("value")


def _ready(end: int, event: int, until: float) -> None:
    """Wait for a pipe end; poll rather than select, whose descriptor numbers stop at 1024."""
    poll = select.poll()
    poll.register(end, event)
    if not poll.poll(max(0.0, until - clock.monotonic()) * 1000):
        raise PointFailure("pdp_timeout", "no answer within the deadline")


def _spawn(memory_mb: int, nice: int) -> tuple[int, int, int]:
    """Start the child with nothing of ours: no environment, no descriptor but the two pipes, no import path.

    posix_spawn, not fork: the caller may have any number of threads.
    """
    child_in, requests = _pipe()
    replies, child_out = _pipe()
    try:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, child_in, 3),
            (os.POSIX_SPAWN_DUP2, child_out, 4),
        ]
        pid = os.posix_spawn(sys.executable, _command(memory_mb, nice), {}, file_actions=actions, setsigdef=_SIGNALS)
    except OSError as error:
        os.close(requests)
        os.close(replies)
        raise PointFailure("pdp_unavailable", repr(error)) from error
    finally:
        os.close(child_in)
        os.close(child_out)
    os.set_blocking(requests, False)
    os.set_blocking(replies, False)
    return requests, replies, pid


# a parent that ignores or handles these must not hand that to the child, whose dead-man alarm needs the default
_SIGNALS = [signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE]


def _pipe() -> tuple[int, int]:
    """A pipe whose ends lie above the numbers that the child uses, closed on exec."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _ABOVE_PROTOCOL) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


def _command(memory_mb: int, nice: int) -> list[str]:
    config = {"library": _library_folder(), "readable": _readable(), "memory_mb": memory_mb, "nice": nice}
    return [sys.executable, "-I", "-S", "-B", str(_CHILD), json.dumps(config)]


def _library_folder() -> str:
    """Where the OPA bindings are, found without loading them."""
    spec = find_spec("opa_bindings")
    if spec is None or spec.origin is None:
        raise PointFailure("pdp_unavailable", "opa-golib-python-bindings is not installed")
    return str(Path(spec.origin).parent)


def _readable() -> list[str]:
    """What the child may read: Python's own library, the system's shared objects, time zones."""
    paths = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), "/lib", "/lib64", "/usr/lib"}
    return sorted({os.path.realpath(path) for path in paths} | {"/usr/share/zoneinfo"})
