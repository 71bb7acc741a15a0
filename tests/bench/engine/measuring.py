"""One contender, one kind of work: throughput, latency and recovery, read from its own rows."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from tests.bench.engine.cluster import Cluster, counters
from tests.bench.engine.contender import Client, Contender, NotDone, Team

WARM = 20
LOOK_S = 0.05
QUICK_LOOK_S = 0.002
FEWEST, LONGEST_S = 3, 20.0
"""Bursts of a measurement of latency, and when no further one is begun."""


@dataclass(frozen=True)
class Throughput:
    """A backlog worked off. The window closes when all of it is done and, for ours, sealed."""

    workflows: int
    wf_s: float
    commits_per_wf: float
    wal_bytes_per_wf: float
    sealed_after_s: float
    backlog_at_close: int


@dataclass(frozen=True)
class Latency:
    """From the call that hands the work in to the commit that ends the last of its steps."""

    in_flight: int
    p50_ms: float
    p99_ms: float


class Bench:
    """Everything that is measured of a contender in one database."""

    def __init__(self, contender: Contender, cluster: Cluster, database: str, work: str, patience_s: float) -> None:
        self.contender, self.cluster, self.database, self.work = contender, cluster, database, work
        self.patience_s = patience_s

    def throughput(self, count: int) -> Throughput:
        """A contender with a gate finds the backlog when the gate opens; ours, warm, when its one commit is made."""
        with self._connected() as (client, watch), self._team() as team:
            if team.gate:
                client.submit(count)
                before = counters(self.cluster, self.database)
                began = team.open()
                earlier = 0
            else:
                team.open()
                earlier = self._finish(team, watch, client, WARM)
                before = counters(self.cluster, self.database)
                began = client.submit(count).committed
            self._until(team, lambda: self.done(watch) >= earlier + count, LOOK_S)
            sealed = self._sealed(team, watch)
            last = self._last(watch, count)[-1]
            waiting = self.contender.backlog(watch)
        spent = counters(self.cluster, self.database) - before
        seconds = (max(last, sealed or last) - began).total_seconds()
        late = (sealed - last).total_seconds() if sealed else 0.0
        return Throughput(
            count, count / seconds, spent.commits / count, spent.wal_bytes / count, max(0.0, late), waiting
        )

    def latency(self, in_flight: int, bursts: int) -> Latency:
        """So many handed in at once, and again when all are done; fewer times for who needs seconds for each."""
        found: list[float] = []
        with self._connected() as (client, watch), self._team() as team:
            team.open()
            done = self._finish(team, watch, client, WARM)
            until = time.monotonic() + LONGEST_S
            for burst in range(bursts):
                if burst >= FEWEST and time.monotonic() > until:
                    break
                began = client.submit(in_flight).began
                done += in_flight
                self._until(team, lambda: self.done(watch) >= done, QUICK_LOOK_S * min(in_flight, 10))  # noqa: B023
                found += [(at - began).total_seconds() * 1000 for at in self._last(watch, in_flight)]
        return Latency(in_flight, statistics.median(found), statistics.quantiles(found, n=100)[98])

    def recovery(self, in_flight: int) -> float:
        """Seconds from kill -9 of every worker process, started again at once, until the last workflow is done."""
        with self._connected() as (client, watch):
            with self._team() as team:
                team.open()
                done = self._finish(team, watch, client, WARM)
                client.submit(in_flight)
                self._until(team, lambda: self.done(watch) > done, QUICK_LOOK_S)
                team.kill()
                killed = _now(watch)
            with self._team() as team:
                team.open()
                self._until(team, lambda: self.done(watch) >= done + in_flight, LOOK_S)
            return (self._last(watch, 1)[-1] - killed).total_seconds()

    def done(self, watch: psycopg.Connection[Any]) -> int:
        return int(_one(watch, f"SELECT count(*) FROM ({self.contender.done_sql}) AS d"))

    def _finish(self, team: Team, watch: psycopg.Connection[Any], client: Client, count: int) -> int:
        """So many through, to be warm; how many are done now."""
        target = self.done(watch) + count
        client.submit(count)
        self._until(team, lambda: self.done(watch) >= target, LOOK_S)
        return target

    def _sealed(self, team: Team, watch: psycopg.Connection[Any]) -> datetime | None:
        if not self.contender.seals:
            return None
        self._until(team, lambda: self.contender.backlog(watch) == 0, QUICK_LOOK_S)
        return _now(watch)

    def _last(self, watch: psycopg.Connection[Any], count: int) -> list[datetime]:
        """When the last so many were done, in order."""
        query = f"SELECT done_at FROM ({self.contender.done_sql}) AS d ORDER BY done_at DESC LIMIT {count:d}"
        return sorted(row[0] for row in watch.execute(query).fetchall())

    def _until(self, team: Team, reached: Callable[[], bool], look_s: float) -> None:
        deadline = time.monotonic() + self.patience_s
        while not reached():
            team.check()
            if time.monotonic() > deadline:
                raise NotDone(f"{self.contender.name}: not done within {self.patience_s:.0f} s\n{team.told()}")
            time.sleep(look_s)

    @contextmanager
    def _connected(self) -> Iterator[tuple[Client, psycopg.Connection[Any]]]:
        client = self.contender.client(self.cluster, self.database, self.work)
        try:
            with self.cluster.connect(self.database) as watch:
                yield client, watch
        finally:
            client.close()

    @contextmanager
    def _team(self) -> Iterator[Team]:
        team = self.contender.start(self.cluster, self.database, self.work)
        try:
            yield team
        finally:
            team.stop()


def _now(watch: psycopg.Connection[Any]) -> datetime:
    found: datetime = _one(watch, "SELECT clock_timestamp()")
    return found


def _one(watch: psycopg.Connection[Any], query: str) -> Any:
    row = watch.execute(query).fetchone()
    assert row is not None
    return row[0]
