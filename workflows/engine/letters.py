"""Dead letters: what was given up after every retry, for a person to look at and to redrive."""

from controlplane.lib import ids
from workflows.engine.work import Work
from workflows.events import DeadLettered
from workflows.models import DeadLetter, Step


def dead_letter(work: Work, step: Step | None, *, code: str, detail: str = "") -> None:
    """Once per run, step and code; inside the open transaction that holds the run."""
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
    if DeadLetter.objects.filter(pk=letter.pk).exists():
        work.record(DeadLettered(letter.pk, letter.step_key or None, letter.code, letter.attempts))


def _connector(work: Work, step: Step) -> str:
    """The instance that the run pinned for the step; a child of a loop is named `step[n]`."""
    pinned = work.run.pins.get("steps", {}).get(step.key.partition("[")[0], {})
    return str(pinned.get("instance") or "")
