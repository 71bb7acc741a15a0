"""The matrix of faults: real workers killed and put to sleep, vendors that lie, judged by the ledgers.

`make test-faults` runs all of it, or what `FAULT_CASES` and `FAULT_SEED` choose.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import ground
from tests.faults import arena, cases
from tests.faults.cases import Case
from tests.faults.judge import Judge
from tests.faults.runner import Runner, Trial

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(3000)]

CHOSEN = cases.sample(
    cases.matrix(), int(os.environ.get("FAULT_CASES", cases.SAMPLE)), int(os.environ.get("FAULT_SEED", "0"))
)
MORE_TRIES = 2
REPORT = ground.ROOT / "build" / "faults.json"


@dataclass(frozen=True)
class Verdicts:
    """What is wrong with each case by name, and the words of the processes for the message."""

    wrong: dict[str, list[str]]
    trials: dict[str, Trial]
    said: str


@pytest.fixture(scope="module")
def verdicts(django_db_blocker: object) -> Iterator[Verdicts]:
    with arena.opened(f"faults_{os.getpid()}", django_db_blocker.unblock) as place:
        arena.populate(place)
        runner = Runner(place)
        runner.warm_up()
        trials = _until_reached(runner)
        judge = Judge(place, slowness=runner.slowness)
        last = {trial.case.name: trial for trial in trials}
        wrong = {name: judge.reached(trial) for name, trial in last.items()}
        for trial in trials:
            wrong[trial.case.name] += judge.verdict(trial)
        yield Verdicts(wrong, last, place.processes.said())
        _report(last, wrong, REPORT, tries=len(trials))


def _until_reached(runner: Runner) -> list[Trial]:
    """Cases share their workers: what strikes one may take another past its point, which is then tried again.

    Every try is judged.
    """
    trials = list(runner.run(CHOSEN))
    for _ in range(MORE_TRIES):
        last = {trial.case.name: trial for trial in trials}
        again = [trial.case for trial in last.values() if Judge.reached(trial)]
        trials = list(runner.run(again)) if again else trials
    return trials


@pytest.mark.parametrize("case", CHOSEN, ids=lambda case: case.name)
def test_nothing_is_lost_and_nothing_done_twice(case: Case, verdicts: Verdicts) -> None:
    trial = verdicts.trials[case.name]
    told = "\n".join(map(str, trial.story))
    assert verdicts.wrong[case.name] == [], f"{told}\n{trial.proofs}\n{verdicts.said}"


def _report(trials: dict[str, Trial], wrong: dict[str, list[str]], path: Path, *, tries: int) -> None:
    hits = [proof for trial in trials.values() for proof in trial.proofs.values()]
    counted = {
        "cases": len(trials),
        "tries": tries,
        "failed": sum(map(bool, wrong.values())),
        "killed": sum(proof.deed == "kill" for proof in hits),
        "put_to_sleep": sum(proof.deed == "stop" for proof in hits),
        "vendor_faults": sum(len(trial.case.vendor) for trial in trials.values()),
        "points": len({proof.point for proof in hits}),
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(counted, indent=2) + "\n")
