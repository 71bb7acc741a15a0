"""A worker process: waves from the queue, and threads that carry the runs whose calls take time.

A call that hangs keeps its thread, and nobody else: its run was begun with its wave, and what the call did is
written down by the thread itself, as soon as it is known.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from controlplane.lib import clock
from controlplane.lib.logs import bind, get_logger
from tenants import scope
from workflows import locks, wakeups
from workflows.claiming import Queue
from workflows.engine.loop import Engine
from workflows.engine.outward import Outward
from workflows.locks import Lease

log = get_logger(__name__)

WAVE = 50
PER_THREAD = 4
"""So many runs are taken for each free thread: those that need no call need none."""

BUDGET_S = 20.0
MOST_HELD_S = 180.0
"""A thread that is stuck for longer loses its run: the lease is renewed no more."""


@dataclass(frozen=True)
class _Held:
    tenant_id: UUID
    lease: Lease
    since: float


@dataclass
class Crew:
    """The hands of one process. `threads`: how many calls it makes at a time."""

    engine: Engine
    threads: int = field(default_factory=lambda: settings.INTERLOCK_CALLS_PER_WORKER)
    wave: int = WAVE

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="call")
        self._queue = Queue()
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._held: dict[UUID, _Held] = {}
        self._refused = False
        self._leaving = threading.Event()
        self._gone = threading.Event()
        self._heart: threading.Thread | None = None
        self._used: dict[int, BaseDatabaseWrapper] = {}
        self.busy = False

    def work(self) -> None:
        """Take waves until nothing waits, every thread is taken, or it is somebody else's turn."""
        with self._turn:
            self.busy = True
            try:
                self._take_waves(until=clock.monotonic() + BUDGET_S)
            finally:
                self.busy = False

    def _take_waves(self, until: float) -> None:
        while not self._leaving.is_set() and (most := self._room()) and self._take(most):
            if clock.monotonic() >= until:
                wakeups.ring()
                return

    def stop(self) -> None:
        """Begin nothing more."""
        self._leaving.set()

    def leave(self) -> None:
        """Begin nothing more, finish the calls that are under way, give back the runs behind them."""
        self.stop()
        with self._turn:
            self._pool.shutdown(wait=True)
        self._gone.set()
        if self._heart is not None:
            self._heart.join()
        for connection in self._used.values():
            connection.inc_thread_sharing()  # its thread has ended
            connection.close()

    @property
    def leaving(self) -> bool:
        return self._leaving.is_set()

    def _room(self) -> int:
        """How many runs to take now; whoever finds no room is rung for when there is some."""
        with self._lock:
            free = self.threads - len(self._held)
            self._refused = free <= 0
            return min(self.wave, PER_THREAD * max(free, 0))

    def _take(self, most: int) -> bool:
        leases = self._queue.claim(most)
        if sum(map(len, leases.values())) >= most:
            wakeups.ring()  # there may be more than one worker can take
        for tenant_id, mine in leases.items():
            with bind(tenant_id=tenant_id), scope.enter(tenant_id):
                for lease, call in self.engine.begin(mine):
                    self._hand_to_thread(tenant_id, lease, call)
        return bool(leases)

    def _hand_to_thread(self, tenant_id: UUID, lease: Lease, call: Outward) -> None:
        with self._lock:
            self._held[lease.run_id] = _Held(tenant_id, lease, clock.monotonic())
        self._pool.submit(self._carry, tenant_id, lease, call)
        self._keep_beating()

    def _carry(self, tenant_id: UUID, lease: Lease, call: Outward) -> None:
        try:
            close_old_connections()
            self._used[threading.get_ident()] = connections["default"]
            with bind(tenant_id=tenant_id), scope.enter(tenant_id):
                self.engine.carry(lease, call, self._leaving.is_set)
        except Exception:
            log.exception("a run is left to its lease")
            _start_afresh()
        finally:
            self._let_go(lease)

    def _let_go(self, lease: Lease) -> None:
        with self._lock:
            del self._held[lease.run_id]
            wanted, self._refused = self._refused, False
        if wanted:
            wakeups.ring()

    def _keep_beating(self) -> None:
        if self._heart is None:
            self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
            self._heart.start()

    def _beat(self) -> None:
        """Renew the leases of runs inside a call, as long as this process lives."""
        while not self._gone.wait(settings.INTERLOCK_RUN_LEASE_S / 3):
            for tenant_id, leases in self._alive().items():
                try:
                    with scope.enter(tenant_id):
                        locks.renew(leases)
                except DatabaseError:
                    log.exception("leases could not be renewed")
                    connections.close_all()
        connections.close_all()

    def _alive(self) -> dict[UUID, list[Lease]]:
        since = clock.monotonic() - MOST_HELD_S
        alive: dict[UUID, list[Lease]] = {}
        with self._lock:
            for held in self._held.values():
                if held.since >= since:
                    alive.setdefault(held.tenant_id, []).append(held.lease)
        return alive


def _start_afresh() -> None:
    """Whatever state the connections of this thread are in (cut off in the middle of a block), the next run finds
    new ones."""
    connections.close_all()
    for connection in connections.all(initialized_only=True):
        del connections[connection.alias]
