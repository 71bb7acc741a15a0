"""What is measured in one place, in which order, with which counts."""

import shutil
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from rich.console import Console

from tests.bench.engine import growth, peers, report
from tests.bench.engine.cluster import Cluster
from tests.bench.engine.contender import NotDone
from tests.bench.engine.measuring import Bench, Latency, Throughput
from tests.bench.engine.ours import LEASE_S, Ours
from tests.bench.engine.peers import DBOS, PEERS, Peer
from tests.bench.engine.vendors import Vendors

TEMPLATE, OURS = "bench_template", "bench_ours"
SLOW = frozenset({"django-q2, ORM broker"})


@dataclass(frozen=True)
class Counts:
    """How many workflows; chosen so that a window lasts some seconds and the whole run a quarter of an hour."""

    ours: int
    ours_http: int
    peer: int
    slow_peer: int
    dbos_http: int
    in_flight: tuple[tuple[int, int], ...]
    recovery: int
    waiting: int
    finished: int
    tenants: int
    patience_s: float

    def scaled(self, factor: float) -> "Counts":
        """Smaller or larger windows; what grows the database stays."""
        names = ("ours", "ours_http", "peer", "slow_peer", "dbos_http")
        return replace(self, **{name: max(5, int(getattr(self, name) * factor)) for name in names})


FULL = Counts(3000, 500, 600, 100, 300, ((1, 40), (50, 3), (500, 1)), 100, 100_000, 1_000_000, 10_000, 120.0)
QUICK = Counts(20, 5, 20, 10, 5, ((1, 2), (5, 1)), 5, 200, 200, 20, 60.0)


@dataclass
class Course:
    cluster: Cluster
    counts: Counts
    console: Console
    found: MutableMapping[str, Any]
    vendors: Vendors
    rows: dict[str, list[object]] = field(default_factory=dict)
    peers: dict[str, float] = field(default_factory=dict)

    def stages(self) -> dict[str, Callable[[], None]]:
        """Growth, work (b) and recovery on disk only: the other place is where code is the limit."""
        found: dict[str, Callable[[], None]] = {}
        if peers.installed():
            found = {f"peer {peer.name}": partial(self._peer, peer) for peer in PEERS}
        found["ours (a)"] = self._ours
        if self.cluster.place == "disk":
            if peers.installed():
                found["DBOS (b)"] = self._dbos_http
            found["ours (b)"] = self._governed
            found |= {f"growth {name}": partial(self._growth, name) for name in growth.KINDS}
        return found

    def _peer(self, peer: Peer) -> None:
        bench = self._bench(peer, f"bench_{peer.module}", "noop")
        peer.prepare(self.cluster, bench.database, "noop")
        through = bench.throughput(self.counts.slow_peer if peer.name in SLOW else self.counts.peer)
        self.peers[peer.name] = through.wf_s
        self._row(peer.name, through, self._latencies(bench))

    def _ours(self) -> None:
        bench = self._bench(self._fresh(), OURS, "noop")
        through = bench.throughput(self.counts.ours)
        self._key("ours_wf_s", through.wf_s)
        latencies = self._latencies(bench)
        self._row("Interlock", through, latencies)
        if self.cluster.place == "disk":
            self.found["commits_per_wf"] = through.commits_per_wf
            self.found["idle_p50_ms"] = latencies[0].p50_ms
        self.console.print(
            f"Interlock: the last event was sealed {through.sealed_after_s:.2f} s after the last run ended, inside the"
            f" window; {through.backlog_at_close} events were waiting when it closed"
        )

    def _dbos_http(self) -> None:
        bench = self._bench(DBOS, "bench_dbos_http", "http")
        DBOS.prepare(self.cluster, bench.database, "http")
        through = bench.throughput(self.counts.dbos_http)
        self.found["dbos_http_wf_s"] = through.wf_s
        self._row("DBOS, two ungoverned calls", through, [])

    def _governed(self) -> None:
        bench = self._bench(self._fresh(), OURS, "http")
        through = bench.throughput(self.counts.ours_http)
        self.found["governed_wf_s"] = through.wf_s
        self._row("Interlock, two governed calls", through, [])
        self._recovery(bench)

    def _recovery(self, bench: Bench) -> None:
        with self.cluster.connect(bench.database) as watch:
            done = bench.done(watch)
            posted = self.vendors.posted() - done
            self.found["recovery_s"] = seconds = bench.recovery(self.counts.recovery)
            twice = self.vendors.posted() - posted - bench.done(watch)
        self.found["recovery_beyond_lease_s"] = seconds - LEASE_S
        self.console.print(
            f"Interlock: {self.counts.recovery} in flight, every worker killed with -9: all done after {seconds:.1f} s"
            f" (lease {LEASE_S} s); effects that happened twice: {twice}"
        )
        if twice:
            raise NotDone(f"{twice} effects happened twice")

    def _growth(self, name: str) -> None:
        """Empty and grown are measured one after the other in the same database."""
        bench = self._bench(self._fresh(), OURS, "noop")
        empty = bench.throughput(self.counts.ours // 2).wf_s
        with self.cluster.connect(OURS) as admin:
            growth.grow(admin, name, getattr(self.counts, name))
        grown = bench.throughput(self.counts.ours // 2)
        self.found[f"growth_{name}_ratio"] = grown.wf_s / empty
        self._row(f"Interlock, {getattr(self.counts, name):,} {name}", grown, [])

    def _fresh(self) -> Ours:
        """Ours on a copy of the furnished database, which is made once.

        A copy is a database that went back in time: the sequencer, which remembers outside of it what it has signed,
        would rightly refuse to sign over that. So its memory of the copy before is erased.
        """
        ours = Ours()
        if not self.cluster.exists(TEMPLATE):
            ours.prepare(self.cluster, TEMPLATE, "")
        self.cluster.clone(TEMPLATE, OURS)
        shutil.rmtree(self.cluster.folder / "signed", ignore_errors=True)
        return ours

    def _latencies(self, bench: Bench) -> list[Latency]:
        return [bench.latency(in_flight, bursts) for in_flight, bursts in self.counts.in_flight]

    def _bench(self, contender: Any, database: str, work: str) -> Bench:
        return Bench(contender, self.cluster, database, work, self.counts.patience_s)

    def _key(self, name: str, value: object) -> None:
        self.found[name if self.cluster.place == "disk" else f"ram_{name}"] = value

    def _row(self, label: str, through: Throughput, latencies: list[Latency]) -> None:
        figures = [f"{found.p50_ms:.0f} / {found.p99_ms:.0f}" for found in latencies] or ["", "", ""]
        self.rows[label] = [label, through.wf_s, through.commits_per_wf, through.wal_bytes_per_wf, *figures]
        self.console.print(f"  {self.cluster.place}: {label}: {through.wf_s:.0f} workflows/s")

    def summary(self) -> None:
        if self.peers:
            best = max(self.peers, key=lambda name: self.peers[name])
            self._key("best_peer", best)
            self._key("best_peer_wf_s", self.peers[best])
            self._key("dbos_wf_s", self.peers.get(DBOS.name))
        heads = [f"ms at {in_flight}, p50 / p99" for in_flight, _ in self.counts.in_flight]
        columns = ["five steps", "workflows/s", "commits", "WAL bytes", *heads]
        report.table(self.console, f"On {self.cluster.place}, per workflow", columns, list(self.rows.values()))
