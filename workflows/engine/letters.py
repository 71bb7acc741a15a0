"""Dead letters: what was given up after every retry, for a person to look at and to redrive."""

from typing import Any
from uuid import UUID

from controlplane.lib import ids
from workflows.engine.work import Work
from workflows.events import DeadLettered
from workflows.models import DeadLetter, Step


def dead_letter(work: Work, step: Step | None, *, code: str, detail: str = "") -> None:
    """Once per run, step and code; inside the open transaction that holds the run."""
    about = step.key if step else ""
    told = work.tape.learn(f"letter {about} {code}", lambda: _written(work, step, code, detail))
    if told["new"]:
        attempts = step.attempts if step else work.run.crashes
        work.record(DeadLettered(UUID(told["id"]), about or None, code[:80], attempts))


def _written(work: Work, step: Step | None, code: str, detail: str) -> dict[str, Any]:
    letter = DeadLetter(
        id=ids.uuid7(),
        run=work.run,
        step_key=step.key if step else "",
        tool=step.tool if step else "",
        connector=_connector(work, step) if step else "",
        code=code[:80],
        detail=detail[:500],
        attempts=step.attempts if step else work.run.crashes,
    )
    DeadLetter.objects.bulk_create([letter], ignore_conflicts=True)
    return {"id": str(letter.pk), "new": DeadLetter.objects.filter(pk=letter.pk).exists()}


def _connector(work: Work, step: Step) -> str:
    """The instance that the run pinned for the step; a child of a loop is named `step[n]`."""
    pinned = work.run.pins.get("steps", {}).get(step.key.partition("[")[0], {})
    return str(pinned.get("instance") or "")
