"""A look at a run, from its rows and its answer to the next call: what the loop makes and what replay makes again."""

from collections.abc import Sequence

from workflows.engine import letters, permits
from workflows.engine.admission import admitted
from workflows.engine.answers import Answer
from workflows.engine.door import Decide
from workflows.engine.outward import Outward
from workflows.engine.performing import perform
from workflows.engine.result import Next
from workflows.engine.settling import settle
from workflows.engine.work import Work
from workflows.plan import plan

MOST_CRASHES = 5
MOST_MOVES = 5000
"""In one look: a loop of 500 computations one by one needs some 1,000."""


def first(works: Sequence[Work], decide: Decide) -> list[tuple[Work, Outward | None]]:
    """Runs that a worker has just taken: let in if they are new, and carried to their next call. Those that were
    turned away are left out."""
    for work in works:
        work.begin("look")
    going = admitted(works, decide)
    permits.ask_ahead(going)
    return [(work, _next(work)) for work in going]


def answered(work: Work, step: str, answer: Answer) -> Outward | None:
    """Write down what the last call did and go on to the next one."""
    work.begin("look", step, answer)
    settle(work, work.steps[step], answer)
    return _next(work)


def faulted(work: Work) -> None:
    """The engine itself failed on the run: after some times a person gets to know."""
    work.begin("fault")
    if work.run.crashes >= MOST_CRASHES:
        letters.dead_letter(work, None, code="engine_fault")


def _next(work: Work) -> Outward | None:
    """Perform moves until one is a call, or until there is nothing to do."""
    for _ in range(MOST_MOVES):
        result = perform(work, plan(work.view())[0])
        if isinstance(result, Outward):
            return result
        if result is Next.STOP:
            return None
    raise RuntimeError("the plan of this run does not come to an end")
