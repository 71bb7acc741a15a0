"""A wave begins many runs in one transaction; from then on each run that makes calls is carried by itself, with one
transaction between two calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.errors import LostRace
from controlplane.lib.logs import bind, get_logger
from workflows import locks
from workflows.backoff import delay_s
from workflows.engine import looking
from workflows.engine.answers import Answer
from workflows.engine.door import Decide, Gateway
from workflows.engine.flushing import flush
from workflows.engine.outward import Outward, make
from workflows.engine.work import Work
from workflows.locks import Lease

log = get_logger(__name__)

BUDGET_S = 25.0
"""After that a run hands over to the next worker, so that others get their turn."""


@dataclass(frozen=True)
class Engine:
    """`gateway` is the only door outward, `decide` the policy that admits runs."""

    gateway: Gateway
    decide: Decide

    def wake(self, run_id: UUID) -> bool:
        """Advance one run of the entered tenant; False when somebody else has it or it is nobody's to move.

        May be called twice, late, or by two workers at once: the lease decides, and the fence stops the slower.
        """
        lease = locks.claim(run_id)
        if lease is None:
            return False
        for held, call in self.begin([lease]):
            self.carry(held, call)
        return True

    def begin(self, leases: Sequence[Lease]) -> list[tuple[Lease, Outward]]:
        """A wave: advance these runs of the entered tenant as far as they go without a call, in one transaction.

        Returns the calls that they need. Runs that are in other hands now are left out. If the wave fails, each
        run is tried alone, so that one cannot keep the others from moving.
        """
        try:
            return self._wave(leases)
        except Exception as error:
            if len(leases) > 1:
                log.exception("a wave failed: its runs go one by one")
                return [begun for lease in leases for begun in self.begin([lease])]
            _stopped(leases[0], error)
            return []

    def carry(self, lease: Lease, call: Outward | None, leaving: Callable[[], bool] = lambda: False) -> None:
        """Make a run's call, write down what it did, and go on so until the run needs no call now.

        `leaving`: the worker is about to end: the run is handed over before its next call.
        """
        with bind(run_id=lease.run_id):
            try:
                self._carry(lease, call, leaving)
            except Exception as error:  # noqa: BLE001 - logged there, and the run is tried again
                _stopped(lease, error)

    def _carry(self, lease: Lease, call: Outward | None, leaving: Callable[[], bool]) -> None:
        until = clock.monotonic() + BUDGET_S
        if leaving():
            _give_back(lease)
            return
        while call is not None:
            answer = make(call, self.gateway)
            late = leaving() or clock.monotonic() >= until
            call = _look(lease, call, answer, hand_over=late, decide=self.decide)

    @transaction.atomic(durable=True)
    def _wave(self, leases: Sequence[Lease]) -> list[tuple[Lease, Outward]]:
        works = Work.load_all(leases)
        for work in works:
            work.decide = self.decide
        begun = looking.first(works, self.decide)
        flush(works)
        return [(work.lease, call) for work, call in begun if call is not None]


@transaction.atomic(durable=True)
def _look(lease: Lease, made: Outward, answer: Answer, *, hand_over: bool, decide: Decide) -> Outward | None:
    """Write down what the last call did and decide what comes next, in one transaction; None: stop here.

    The next call is made after this commits: a crash in between repeats the call, and the gateway knows it by
    its idempotency key.
    """
    work = Work.load(lease)
    work.decide = decide
    call = looking.answered(work, made.step, answer)
    if call is not None and hand_over:
        _hand_over(work)
        call = None
    flush([work])
    return call


def _hand_over(work: Work) -> None:
    """Another worker makes the call that was just decided."""
    locks.let_go(work.run, wake_at=work.now, crashes=0)
    work.ring()


@transaction.atomic(durable=True)
def _give_back(lease: Lease) -> None:
    work = Work.load(lease)
    _hand_over(work)
    flush([work])


def _stopped(lease: Lease, error: Exception) -> None:
    """Why a run could not be moved: a lost race is nobody's fault."""
    if isinstance(error, LostRace):
        log.info("the run is in other hands: %s", error)
        return
    log.error("the engine failed on a run", exc_info=error)
    try:
        _after_a_fault(lease)
    except LostRace as race:
        log.info("the run is in other hands: %s", race)


@transaction.atomic(durable=True)
def _after_a_fault(lease: Lease) -> None:
    """The engine itself failed: later again, ever slower, and after some times a person gets to know."""
    work = Work.load(lease)
    crashes = work.run.crashes
    looking.faulted(work)
    again = work.now + timedelta(seconds=delay_s(crashes, jitter=0.5))
    locks.let_go(work.run, wake_at=again, crashes=crashes)
    flush([work])
