"""One wake-up: advance a run as far as it goes, with one transaction between two calls."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.errors import LostRace
from controlplane.lib.logs import bind, get_logger
from workflows import locks
from workflows.backoff import delay_s
from workflows.engine import letters
from workflows.engine.admission import Decide, admitted
from workflows.engine.door import Gateway
from workflows.engine.flushing import flush
from workflows.engine.outward import Answer, Outward, make
from workflows.engine.performing import perform
from workflows.engine.result import Next
from workflows.engine.settling import settle
from workflows.engine.work import Work
from workflows.locks import Lease
from workflows.plan import plan

log = get_logger(__name__)

BUDGET_S = 25.0
"""After that a wake-up hands over to the next one: one more call still fits into `Q_CLUSTER["timeout"]`."""

MOST_CRASHES = 5
MOST_MOVES = 1000


@dataclass(frozen=True)
class Engine:
    """`gateway` is the only door outward, `decide` the policy that admits runs."""

    gateway: Gateway
    decide: Decide

    def wake(self, run_id: UUID) -> bool:
        """Advance the run of the entered tenant; False when somebody else has it or it is nobody's to move.

        May be called twice, late, or by two workers at once: the lease decides, and the fence stops the slower.
        """
        with bind(run_id=run_id):
            lease = locks.claim(run_id)
            if lease is None:
                return False
            try:
                self._advance(lease)
            except LostRace as race:
                log.info("the run is in other hands: %s", race)
            except Exception:
                log.exception("the engine failed on a run")
                _after_a_fault(lease)
            return True

    def _advance(self, lease: Lease) -> None:
        until = clock.monotonic() + BUDGET_S
        call = self._begin(lease)
        while call is not None:
            answer = make(call, self.gateway)
            call = _look(lease, call, answer, hand_over=clock.monotonic() >= until)

    @transaction.atomic(durable=True)
    def _begin(self, lease: Lease) -> Outward | None:
        work = Work.load(lease)
        call = _next(work) if admitted(work, self.decide) else None
        flush([work])
        return call


@transaction.atomic(durable=True)
def _look(lease: Lease, made: Outward, answer: Answer, *, hand_over: bool) -> Outward | None:
    """Write down what the last call did and decide what comes next, in one transaction; None: stop here.

    The next call is made after this commits: a crash in between repeats the call, and the gateway knows it by
    its idempotency key.
    """
    work = Work.load(lease)
    settle(work, work.steps[made.step], answer)
    call = _next(work)
    if call is not None and hand_over:
        _hand_over(work)
        call = None
    flush([work])
    return call


def _next(work: Work) -> Outward | None:
    """Perform moves until one is a call, or until there is nothing to do."""
    for _ in range(MOST_MOVES):
        result = perform(work, plan(work.view())[0])
        if isinstance(result, Outward):
            return result
        if result is Next.STOP:
            return None
    raise RuntimeError("the plan of this run does not come to an end")


def _hand_over(work: Work) -> None:
    """Enough for one task: the next wake-up makes the call that was just decided."""
    locks.let_go(work.run, wake_at=work.now, crashes=0)
    work.ring()


@transaction.atomic(durable=True)
def _after_a_fault(lease: Lease) -> None:
    """The engine itself failed: later again, ever slower, and after some times a person gets to know."""
    work = Work.load(lease)
    crashes = work.run.crashes
    if crashes >= MOST_CRASHES:
        letters.dead_letter(work, None, code="engine_fault")
    again = work.now + timedelta(seconds=delay_s(crashes, jitter=0.5))
    locks.let_go(work.run, wake_at=again, crashes=crashes)
    flush([work])
