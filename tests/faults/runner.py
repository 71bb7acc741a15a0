"""Runs many cases at once in one arena: starts, arms, votes, wakes sleepers, and waits until every run is over."""

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals.models import ApprovalRequest
from approvals.types import State
from connectors.models import ToolCall
from controlplane.lib import ids
from tests.faults import arena as grounds
from tests.faults.arena import Arena
from tests.faults.cases import WRITES, Case, Vendor
from tests.faults.orders import ANYBODY, Deed, Order, Proof
from tests.faults.points import OF_NO_RUN
from workflows.models import Run
from workflows.types import OPEN_RUN_STATES, RunState

TICK_S = 0.2
MOST_OPEN = 20
MOST_ASLEEP = 5
SLEEP_S = grounds.LEASE_S + 1.5
LONGEST_SLEEP_S = 25.0
AFTERMATH_S = 1.5
"""What a sleeper may still do after it woke counts too."""
GIVE_UP_S = 240.0
CALM_S = 3.0
"""How long a run of a calm, warm arena stands still at most on a machine that has time for it."""
VOTE_AGAIN_S = 5.0
OVER = frozenset(RunState) - OPEN_RUN_STATES | {RunState.NEEDS_ATTENTION}


@dataclass
class Trial:
    """A case on its way. Times are seconds since 1970; `steps_seen` is the last time that the run moved."""

    case: Case
    run_id: UUID
    sys_id: str
    number: str
    channel: str
    before: dict[str, str]
    began: float
    proofs: dict[str, Proof] = field(default_factory=dict)
    awake: dict[str, float] = field(default_factory=dict)
    asked_at: dict[UUID, float] = field(default_factory=dict)
    seen: tuple[Any, ...] = ()
    story: list[tuple[float, tuple[Any, ...]]] = field(default_factory=list)
    moved_at: float = 0.0
    stood_still_s: float = 0.0
    state: str = ""
    over_at: float = 0.0

    @property
    def keys(self) -> list[str]:
        return [f"{self.run_id}-{number}" for number in range(len(self.case.strikes))]

    def sleepers(self) -> list[tuple[str, Proof]]:
        return [(key, proof) for key, proof in self.proofs.items() if proof.deed == Deed.STOP and key not in self.awake]


class Runner:
    """One arena, one list of cases."""

    def __init__(self, arena: Arena, first_channel: int = 0) -> None:
        self.arena = arena
        self.trials: list[Trial] = []
        self.next_channel = first_channel
        self.slowness = 1.0

    def warm_up(self) -> None:
        """Calm runs until everything is up. How long the later of them take says how slow this machine is now."""
        self.run([Case(WRITES)] * 8)
        slowest = max(trial.stood_still_s for trial in self.trials)
        self.slowness = max(1.0, slowest / CALM_S)
        self.trials.clear()

    def run(self, cases: Iterable[Case], meanwhile: Callable[[list[Trial]], None] = lambda _: None) -> list[Trial]:
        """All of them, `MOST_OPEN` at a time; the trials, each over or given up. `meanwhile` is done at every tick."""
        waiting = list(cases)
        while waiting or self._open():
            while waiting and self._room_for(waiting[0]):
                self.trials.append(self._start(waiting.pop(0)))
            self._look()
            self.arena.processes.check()
            meanwhile(self._open())
            time.sleep(TICK_S)
        return self.trials

    def _room_for(self, case: Case) -> bool:
        going = self._open()
        asleep = sum(trial.case.sleeps for trial in going)
        return len(going) < MOST_OPEN and not (case.sleeps and asleep >= MOST_ASLEEP)

    def _open(self) -> list[Trial]:
        return [trial for trial in self.trials if not trial.over_at]

    def _start(self, case: Case) -> Trial:
        """The orders lie there before the run can be seen by anybody."""
        from workflows import services

        vendors, side = self.arena.vendors, self.arena.side
        channel, self.next_channel = grounds.channel(self.next_channel), self.next_channel + 1
        report = {"short_description": "VPN drops", "category": "inquiry"}
        told = vendors.ctl("seed", {"incidents": [report], "tell": False})["incidents"][0]
        for fault in case.vendor:
            self._prime(fault, told)
        record = self._record(told["sys_id"])
        with transaction.atomic():
            run = services.start_run(
                workflow=case.workflow,
                environment_id=side.environment.id,
                trigger={"sys_id": told["sys_id"], "number": told["number"], "channel": channel},
                starter=side.admin,
                key=str(ids.uuid7()),
            )
            trial = Trial(case, run.pk, told["sys_id"], told["number"], channel, record, time.time())
            self._arm(trial, str(run.pk))
        return trial

    def _prime(self, fault: Vendor, told: dict[str, str]) -> None:
        """A fault of the stand-in, for this ticket only."""
        by_number = "slack" in fault.path
        self.arena.vendors.fault(
            fault.kind,
            times=fault.times,
            args=dict(fault.args),
            method=fault.method,
            path=fault.path if by_number else f"{fault.path}/{told['sys_id']}",
            contains=[part for part in (fault.contains, told["number"] if by_number else "") if part],
        )

    def _arm(self, trial: Trial, known_as: str, *, of_people: bool = False) -> None:
        """Orders go by the id that the struck verb knows: a vote knows its request, everything else its run."""
        for key, strike in zip(trial.keys, trial.case.strikes, strict=True):
            if strike.point.startswith("vote.") is of_people:
                of_none = strike.point.partition(".")[0] in OF_NO_RUN
                order = Order(
                    key, ANYBODY if of_none else known_as, strike.point, strike.deed, dict(strike.facts), strike.skip
                )
                self.arena.orders.give(order)

    def _record(self, sys_id: str) -> dict[str, str]:
        found: dict[str, str] = self.arena.vendors.ctl(f"state?sys_id={sys_id}", method="GET")["record"]
        return found

    def _look(self) -> None:
        going = {trial.run_id: trial for trial in self._open()}
        for trial in going.values():
            self._note_proofs(trial)
        with transaction.atomic():
            runs = {run.pk: run for run in Run.objects.filter(pk__in=going)}
            asked = list(ApprovalRequest.objects.filter(run_id__in=going, state=State.PENDING))
            about = ("run_id", "tool", "state", "fence", "probes")
            calls = list(ToolCall.objects.filter(run_id__in=going).values_list(*about))
        for request in asked:
            self._decide(going[request.run_id], request)
        for run_id, trial in going.items():
            moves = tuple(sorted(call[1:] for call in calls if call[0] == run_id))
            self._note_run(trial, runs[run_id], moves)

    def _note_proofs(self, trial: Trial) -> None:
        now = time.time()
        for key in trial.keys:
            if key not in trial.proofs and (proof := self.arena.orders.proof(key)):
                trial.proofs[key] = proof
        for key, proof in trial.sleepers():
            if self._slept_enough(trial, proof, now):
                with suppress(ProcessLookupError):
                    os.kill(proof.pid, signal.SIGCONT)
                trial.awake[key] = now

    def _slept_enough(self, trial: Trial, proof: Proof, now: float) -> bool:
        """Past the lease; and where the sleeper would send if it could, until others have finished its run."""
        long_enough = now - proof.at >= SLEEP_S
        if any(strike.sleeps_on for strike in trial.case.strikes) and trial.state not in OVER:
            return now - proof.at >= LONGEST_SLEEP_S
        return long_enough

    def _decide(self, trial: Trial, request: ApprovalRequest) -> None:
        """Once, and again when nothing came of it: the person's process may have been killed."""
        if time.time() - trial.asked_at.get(request.pk, 0.0) < VOTE_AGAIN_S:
            return
        if request.pk not in trial.asked_at:
            self._arm(trial, str(request.pk), of_people=True)
        trial.asked_at[request.pk] = time.time()
        if trial.case.person == "cancel":
            self.arena.hand("cancel", self.arena.side.dana, run_id=str(trial.run_id))
            return
        self.arena.hand(
            "vote",
            self.arena.side.bob,
            request_id=str(request.pk),
            verdict=trial.case.person,
            seen_digest=request.display_digest,
        )

    def _note_run(self, trial: Trial, run: Run, moves: tuple[Any, ...]) -> None:
        now = time.time()
        seen = (run.state, run.fence, run.waits_for, moves)
        if seen != trial.seen:
            trial.seen, trial.moved_at = seen, now
            trial.story.append((round(now - trial.began, 1), seen))
        trial.state = run.state
        if run.state not in OVER:
            trial.stood_still_s = max(trial.stood_still_s, now - max(trial.moved_at, _due(run)))
        woken = max(trial.awake.values(), default=0.0)
        done = run.state in OVER and not trial.sleepers() and now - woken > AFTERMATH_S
        if done or now - trial.began > GIVE_UP_S:
            trial.over_at = now


def _due(run: Run) -> float:
    """When a run is to be taken up that waits for its time: until then nobody left it lying."""
    return run.wake_at.timestamp() if run.waits_for in ("timer", "throttle") and run.wake_at else 0.0
