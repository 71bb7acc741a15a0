"""What became of a case, judged by the stand-ins' ledgers and by the evidence.

The platform's own rows only say how the run ended.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from controlplane.lib import clock
from evidence import services as evidence
from evidence import trust
from evidence.verify.dossier import Question
from evidence.verify.findings import Verdict
from evidence.verify.trust import parse
from evidence.verify.verifier import verify
from tests.faults.arena import LEASE_S, SETTLE_S, Arena
from tests.faults.cases import BACK
from tests.faults.runner import Trial

PATIENCE_S = 2 * LEASE_S + SETTLE_S
"""A run may stand still for twice the lease, and for the time that a vendor may take to land a write."""
FIELDS = ("category", "impact", "urgency", "assignment_group", "state", "assigned_to")


class Judge:
    """One arena. `verdict` lists what is wrong with a trial; nothing wrong is an empty list."""

    def __init__(self, arena: Arena, *, slowness: float = 1.0) -> None:
        self.arena = arena
        self.patience_s = PATIENCE_S * slowness
        self.ledger = arena.vendors.ledger()
        self.log = arena.vendors.log()

    @cached_property
    def question(self) -> Question:
        told = json.dumps(trust.export(self.arena.side.tenant.id)).encode()
        return Question(parse(told), (), clock.now_ms())

    def verdict(self, trial: Trial) -> list[str]:
        return [*_ended(trial, self.patience_s), *self._effects(trial), *self._record(trial)]

    @staticmethod
    def reached(trial: Trial) -> list[str]:
        """Points at which nothing was struck: such a case proves nothing."""
        struck = zip(trial.keys, trial.case.strikes, strict=True)
        return [f"{strike.point} was never reached" for key, strike in struck if key not in trial.proofs]

    def _effects(self, trial: Trial) -> Iterator[str]:
        """Each effect at most once, undone as often as done when the run went back."""
        there = trial.state == "SUCCEEDED"
        forth, back = self._notes(trial)
        posts, corrections = self._messages(trial)
        done = forth if trial.case.workflow == BACK else int(there)
        if forth != done or forth > 1:
            yield f"{forth} work notes of the write, the run is {trial.state}"
        if back != forth - int(there):
            yield f"{back} correcting notes for {forth} writes, the run is {trial.state}"
        if posts > 1 or (there and posts != 1):
            yield f"{posts} messages, the run is {trial.state}"
        if not there and corrections < posts:
            yield f"{posts} messages stand, {corrections} of them corrected, the run is {trial.state}"
        yield from self._fields(trial)

    def _fields(self, trial: Trial) -> Iterator[str]:
        now = self.arena.vendors.ctl(f"state?sys_id={trial.sys_id}", method="GET")["record"]
        changed = [name for name in FIELDS if now[name] != trial.before[name]]
        if trial.state == "SUCCEEDED" and not changed:
            yield "the record reads as before, the run SUCCEEDED"
        if trial.state != "SUCCEEDED" and changed:
            yield f"{', '.join(changed)} still read as written, the run is {trial.state}"

    def _notes(self, trial: Trial) -> tuple[int, int]:
        notes = [row for row in self._mine("note_appended", trial.sys_id) if row["origin"] == "api"]
        back = sum("Correction:" in json.dumps(row) for row in notes)
        return len(notes) - back, back

    def _mine(self, kind: str, target: str) -> list[dict[str, Any]]:
        return [row for row in self.ledger if row["kind"] == kind and row["target"] == target]

    def _messages(self, trial: Trial) -> tuple[int, int]:
        rows = [row for row in self.ledger if row["vendor"] == "slack"]
        posts = [row for row in rows if row["kind"] == "message_posted" and trial.number in row["text"]]
        places = {row["target"] for row in posts}
        edits = {row["target"] for row in rows if row["kind"] == "message_updated" and row["target"] in places}
        return len(posts), len(edits)

    def _record(self, trial: Trial) -> Iterator[str]:
        """The bundle verifies, the run is closed in it, and every request that could write was intended before."""
        bundle = evidence.export_run(run_id=trial.run_id, actor=self.arena.side.admin, timeout_s=20)
        report = verify(bundle, self.question)
        if report.verdict is not Verdict.VERIFIED:
            yield f"the bundle is {report.verdict.name}: {report.failures}"
        intents, closings = self._told(trial)
        if closings != 1:
            yield f"{closings} times closed on record"
        sent = self._requests(trial)
        if sent > intents:
            yield f"{sent} writing requests for {intents} intents"

    def _told(self, trial: Trial) -> tuple[int, int]:
        from django.db import transaction

        from evidence.models import Event

        with transaction.atomic():
            types = list(Event.objects.filter(run_id=trial.run_id).values_list("type", flat=True))
        return types.count("tool.call.intent"), types.count("run.closed")

    def _requests(self, trial: Trial) -> int:
        patches = [row for row in self.log if row["method"] == "PATCH" and trial.sys_id in row["path"]]
        posts = [row for row in self.log if "chat.postMessage" in row["path"] and trial.number in row["body"]]
        return len(patches) + len(posts)


def _ended(trial: Trial, patience_s: float) -> Iterator[str]:
    if trial.state != trial.case.expected:
        yield f"the run is {trial.state}, not {trial.case.expected}"
    if trial.stood_still_s > patience_s:
        yield f"the run stood still for {trial.stood_still_s:.1f} s"
