"""Children that decide: a few per process, so that one that is being stopped or replaced holds up no other question."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from controlplane.lib import clock
from policies.engine.process import EvaluatorProcess
from policies.engine.protocol import JsonObject, PointFailure, Program

LOAD_S = 5.0
PATIENCE_S = 0.003
"""A question waits so long for a child that has its program, before another child has to load it."""

Starter = Callable[[], EvaluatorProcess]


class Seat:
    """One child, started when it is needed, and the keys of the programs that it said it holds."""

    def __init__(self, start: Starter) -> None:
        self._start = start
        self._process: EvaluatorProcess | None = None
        self._held: frozenset[str] = frozenset()

    @property
    def warm(self) -> bool:
        return self._process is not None and self._process.alive

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.warm else None

    def holds(self, key: str) -> bool:
        return self.warm and key in self._held

    def child(self) -> EvaluatorProcess:
        """Raises PointFailure when none can be started."""
        if self._process is None or not self._process.alive:
            self.vacate()
            self._process = self._start()
        return self._process

    def load(self, program: Program, entrypoint: str) -> None:
        """Compile the program there; others may have had to go for it."""
        held = self.child().ask(loading(program, entrypoint), deadline_s=LOAD_S)
        self._held = frozenset(held)

    def vacate(self) -> None:
        """Kill the child, if there is one; the next question starts another."""
        if self._process is not None:
            self._process.kill()
        self._process, self._held = None, frozenset()

    def forget(self) -> None:
        """In a forked copy: the child belongs to the parent."""
        if self._process is not None and self._process.alive:
            self._process.forget()
        self._process, self._held = None, frozenset()


class Pool:
    """Seats that questions take turns on. Safe under threads."""

    def __init__(self, start: Starter, *, seats: int) -> None:
        self._seats = [Seat(start) for _ in range(seats)]
        self._reset()

    def _reset(self) -> None:
        self._turn = threading.Condition()
        self._free = list(self._seats)

    @contextmanager
    def seat(self, key: str, *, wait_s: float) -> Iterator[Seat]:
        """The best free seat for a program. Raises PointFailure `pdp_timeout` rather than queue without end."""
        taken = self._take(key, clock.monotonic() + wait_s)
        try:
            yield taken
        finally:
            with self._turn:
                self._free.append(taken)
                self._turn.notify_all()

    def pids(self) -> list[int]:
        """The processes of the children that are running now."""
        return [seat.pid for seat in self._seats if seat.pid is not None]

    def close(self, *, wait_s: float) -> None:
        """Kill every child once its question is answered."""
        until = clock.monotonic() + wait_s
        for each in self._seats:
            with self._turn:
                self._await(lambda each=each: each in self._free, until)  # type: ignore[misc]
                each.vacate()

    def after_fork(self) -> None:
        """In the forked copy: seats may be taken by threads that are not here."""
        for seat in self._seats:
            seat.forget()
        self._reset()

    def _take(self, key: str, until: float) -> Seat:
        with self._turn:
            if any(seat.holds(key) for seat in self._seats):
                self._turn.wait_for(lambda: any(seat.holds(key) for seat in self._free), PATIENCE_S)
            self._await(lambda: bool(self._free), until)
            chosen = max(self._free, key=lambda seat: (seat.holds(key), seat.warm))
            self._free.remove(chosen)
            return chosen

    def _await(self, fact: Callable[[], bool], until: float) -> None:
        if not self._turn.wait_for(fact, max(0.0, until - clock.monotonic())):
            raise PointFailure("pdp_timeout", "every evaluator is busy")


def loading(program: Program, entrypoint: str) -> JsonObject:
    """The request that has a program compiled; its answer is the list of keys held afterwards."""
    return {
        "verb": "load",
        "key": program.key,
        "modules": dict(program.modules),
        "data": dict(program.data),
        "entrypoint": entrypoint,
    }
