"""A run, step by step: what was known after each event. The record can be played again and compared from here."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from controlplane.console.pages import Page
from evidence import access as evidence
from tenants.permissions import Perm, holds
from workflows import access
from workflows.models import Run
from workflows.replay import report as reports
from workflows.replay import services
from workflows.replay.report import Level

MOST = 2_000
PACE_MS = 1_200

LEVELS: Mapping[Level, str] = {
    Level.R0: "R0: could a run have left these events?",
    Level.R1: "R1: does the engine do the same again, to the last bit?",
    Level.R2: "R2: does policy decide the same again?",
}
STATES: Mapping[str, tuple[str, str]] = {
    "SAME": ("VERIFIED", "the same"),
    "DIVERGED": ("TAMPERED", "diverged"),
    "NOT_COVERED": ("INCOMPLETE", "not all of it could be played"),
}


class Replay(Page):
    """GET shows one moment, `?at=` an event; with `?play=1` the next one follows. POST plays the record again."""

    template_name = "console/replay.html"
    here = "runs"
    filters = {"at": None, "play": frozenset({"1"})}

    def context(self) -> dict[str, Any]:
        run = access.access_run(self.actor, self.row_id)
        lines = evidence.run_events(self.actor, run.id, limit=MOST)
        at = self._place(len(lines))
        may = holds(self.actor, Perm.EXPORT_EVIDENCE, run.workspace_id)
        playing = self.query.first("play") == "1"
        shown = moment(lines, at, run)
        return {
            "run": run, "levels": LEVELS.items(), "may_play": may, "playing": playing, "pace_ms": PACE_MS, **shown
        }  # fmt: skip

    def _place(self, last: int) -> int:
        told = self.query.first("at") or "1"
        return min(max(int(told), 1), last) if told.isdecimal() and len(told) < 6 else 1

    def act(self, request: HttpRequest) -> HttpResponseBase:
        level = Level(request.POST.get("level", Level.R1.value))
        found = services.replay(run_id=self.row_id, level=level, actor=self.actor).document()
        with transaction.atomic():
            shown = self.context()
        state, words = STATES[found["verdict"]]
        return self.also(
            self.template_name,
            {**shown, "found": found, "state": state, "words": words, "said": reports.told(found)[1:]},
        )


def moment(lines: Sequence[Mapping[str, Any]], at: int, run: Run) -> dict[str, Any]:
    """What the first `at` events tell: where every step stands, and every call that has begun."""
    told = lines[:at]
    steps = {step.key: "PENDING" for step in run.steps.all()}
    calls: dict[str, dict[str, str]] = {}
    for line in told:
        data = line["data"]
        if line["type"] == "run.step_settled":
            steps[data["step"]] = data["state"]
        elif line["type"].startswith("tool.call."):
            _call(calls, line["type"].removeprefix("tool.call."), data, steps)
    now = told[-1] if told else None
    playing = at < len(lines)
    return {
        "at": at, "count": len(lines), "now": now, "moment_steps": steps.items(), "calls": list(calls.values()),
        "before": at - 1 if at > 1 else None, "after": at + 1 if playing else None,
        "began": lines[0]["at"] if lines else None, "lines": lines,
    }  # fmt: skip


_CALL_STATES = {
    "proposed": "PROPOSED", "denied": "DENIED", "held": "THROTTLED", "closed": "REJECTED", "intent": "DISPATCHED",
    "completed": "SUCCEEDED", "failed": "FAILED", "unknown": "UNKNOWN", "not_sent": "NOT_SENT", "probed": "UNKNOWN",
}  # fmt: skip


def _call(calls: dict[str, dict[str, str]], what: str, data: Mapping[str, Any], steps: dict[str, str]) -> None:
    known = calls.setdefault(str(data["call_id"]), {"tool": str(data.get("tool", "")), "step": "", "state": ""})
    known["state"] = _CALL_STATES.get(what, known["state"]) or "PROPOSED"
    if what == "proposed":
        known["step"] = str(data.get("step", ""))
        if steps.get(known["step"]) == "PENDING":
            steps[known["step"]] = "RUNNING"
