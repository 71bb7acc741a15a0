"""The writers as processes, a sequencer as it is deployed, and somebody who watches the head grow."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from tests import ground

TABLES = """
CREATE TABLE bench_row (id int PRIMARY KEY, value bigint NOT NULL DEFAULT 0);
CREATE TABLE bench_head (log uuid PRIMARY KEY, seq bigint NOT NULL, last bytea NOT NULL);
CREATE TABLE bench_chain (id uuid PRIMARY KEY, log uuid, seq bigint, body bytea, hash bytea, UNIQUE (log, seq));
GRANT SELECT, INSERT, UPDATE ON bench_row, bench_head, bench_chain TO interlock_app;
"""
WATCH_S = 0.01


def admin() -> psycopg.Connection[Any]:
    return psycopg.connect(ground.superuser_dsn(os.environ["INTERLOCK_DB_NAME"]), autocommit=True)


def prepare(log: UUID, writers: int) -> None:
    """Business rows of the benchmark, and the head of a chain that is locked."""
    with admin() as session:
        session.execute(TABLES)
        session.execute("INSERT INTO bench_row (id) SELECT generate_series(0, %s - 1)", [writers])
        session.execute("INSERT INTO bench_head VALUES (%s, 0, '')", [log])


@contextmanager
def writers(tenant: UUID, log: UUID, count: int, processes: int) -> Iterator[list["subprocess.Popen[str]"]]:
    threads = count // processes
    started = [
        _python("-m", "tests.bench.evidence.writer", str(tenant), str(log), str(number * threads), str(threads))
        for number in range(processes)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


@contextmanager
def sequencers(count: int) -> Iterator[None]:
    started = [_python("manage.py", "sequencer", role="sequencer") for _ in range(count)]
    try:
        for process in started:
            if process.stdout is None or process.stdout.readline() != "sequencing\n":
                raise RuntimeError("the sequencer did not start")
        yield
    finally:
        for process in started:
            process.terminate()
            process.wait(60)


def play(crew: Sequence["subprocess.Popen[str]"], mode: str, seconds: float, hold_ms: float) -> dict[str, Any]:
    """One round: the rate per second, and the commits `(event, when)` of the mode `queue`."""
    for process in crew:
        assert process.stdin is not None
        process.stdin.write(f"{mode} {seconds} {hold_ms}\n")
        process.stdin.flush()
    answers = [json.loads(process.stdout.readline()) for process in crew if process.stdout is not None]
    commits = [commit for answer in answers for commit in answer["commits"]]
    return {"rate": sum(answer["count"] for answer in answers) / seconds, "commits": commits}


@dataclass
class Watch:
    """When the head of a log was first seen to have grown to a size, and to be signed at it."""

    log: UUID
    grown: list[tuple[int, float]] = field(default_factory=list)
    signed: list[tuple[int, float]] = field(default_factory=list)

    @contextmanager
    def looking(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._look, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _look(self, stop: threading.Event) -> None:
        query = "SELECT size, signed_size FROM evidence_loghead WHERE id = %s"
        with admin() as session:
            while not stop.wait(WATCH_S):
                found = session.execute(query, [self.log]).fetchone()
                now = time.monotonic()
                for seen, size in zip((self.grown, self.signed), found or (0, 0), strict=True):
                    if not seen or size > seen[-1][0]:
                        seen.append((size, now))


def _python(*command: str, role: str = "app") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ground.ROOT,
        env={**os.environ, "INTERLOCK_DB_ROLE": role, "INTERLOCK_LOG_LEVEL": "ERROR"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
