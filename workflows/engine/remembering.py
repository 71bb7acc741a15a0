"""The tape of a run: one look is added with every look, and all of it goes on record with the run's end."""

from dataclasses import replace
from typing import Any

from controlplane.lib.canonical import canonical
from controlplane.lib.events import Committed
from tenants import payloads
from workflows.engine.tape import MOST_LOOKS, Recorder
from workflows.engine.work import Work
from workflows.events import RunClosedEvent
from workflows.locks import change


def remember(work: Work) -> None:
    """Add this look to the tape of a run that is recorded. Inside the transaction of the look, before its rows are
    written."""
    if work.run.tape is None or not work.look or not isinstance(work.tape, Recorder):
        return
    tape = [*work.run.tape, work.look | ({"heard": work.tape.heard} if work.tape.heard else {})]
    if work.closed:
        _tell(work, tape)
    change(work.run, tape=None if work.closed or len(tape) >= MOST_LOOKS else tape)


def _tell(work: Work, tape: list[dict[str, Any]]) -> None:
    """What sub-runs handed back is in no other event of this run: it goes along."""
    outputs = payloads.get_many(_handed_back(tape)) if _handed_back(tape) else {}
    told = {"looks": tape, "outputs": {digest: content.decode() for digest, content in outputs.items()}}
    committed = Committed(canonical(told))
    work.events = [
        replace(event, tape=committed) if isinstance(event, RunClosedEvent) else event for event in work.events
    ]


def _handed_back(tape: list[dict[str, Any]]) -> list[str]:
    answers = [look["answer"] for look in tape if "answer" in look]
    answers += [answer for look in tape for _, answer in look.get("heard", []) if isinstance(answer, dict)]
    digests = {answer.get("output_digest") for answer in answers if answer.get("kind") == "sub_run"}
    return sorted(digest for digest in digests if digest)
