"""Nothing takes longer, or does more, than what holds it allows."""

from collections.abc import Iterator

from workflows.definition.findings import Finding
from workflows.definition.graph import order_of
from workflows.definition.model import StepSpec
from workflows.definition.subject import Subject

MOST_WRITES = 200
"""Effects of one run, sub-runs included: what people can look over, and an undo can walk back in time."""

LONGEST_WAIT_S = 14 * 86400
"""Content of a run expires after 14 days; a step that waits longer would find its inputs gone."""


def loops(subject: Subject) -> Iterator[Finding]:
    for index, step in subject.steps():
        if step.foreach is not None and step.foreach.parallel > step.foreach.max:
            message = f"{step.foreach.parallel} at a time of at most {step.foreach.max} items"
            yield subject.finding("loop_bounds", message, "lower `parallel`", "steps", index, "foreach", "parallel")


def writes(subject: Subject) -> Iterator[Finding]:
    total = 0
    for index, step in subject.steps():
        before, total = total, total + writes_of(subject, step)
        if before <= MOST_WRITES < total:
            yield subject.finding(
                "too_many_writes",
                f"up to {total} writes in one run, at most {MOST_WRITES} may be",
                "lower the `max:` of loops, or start runs of their own",
                *("steps", index),
            )


def writes_of(subject: Subject, step: StepSpec) -> int:
    """How many writes a step makes at most."""
    published = subject.published(step)
    once = published.writes if published else int(subject.is_write(step))
    return once * (step.foreach.max if step.foreach else 1)


def timeouts(subject: Subject) -> Iterator[Finding]:
    deadline = subject.definition.deadline_s
    for index, step in subject.steps():
        if deadline is not None and "timeout" in subject.written(index) and step.timeout_s > deadline:
            message = f"`{step.id}` may take longer than the whole run ({deadline} s)"
            hint = "shorten `timeout:`, or let the run have a later `deadline:`"
            yield subject.finding("timeout_over_deadline", message, hint, "steps", index, "timeout")


def waits(subject: Subject) -> Iterator[Finding]:
    """The timers on the longest way to a step end before the deadline, and before content expires."""
    if subject.cycle is not None:
        return
    longest = subject.definition.deadline_s or LONGEST_WAIT_S
    code = "wait_over_deadline" if subject.definition.deadline_s else "wait_too_long"
    waited = _waited(subject)
    for index, step in subject.steps():
        if step.wait and step.wait.for_s and waited[step.id] >= min(longest, LONGEST_WAIT_S):
            message = f"the run would have waited {waited[step.id]} s after `{step.id}`, it lives {longest} s"
            yield subject.finding(code, message, "shorten the wait", "steps", index, "wait")


def _waited(subject: Subject) -> dict[str, int]:
    """Seconds of timers on the longest way to the end of each step. The graph is free of cycles."""
    timers = {step.id: step.wait.for_s or 0 for step in subject.definition.steps if step.wait}
    found: dict[str, int] = {}
    for step_id in order_of(subject.needs):
        before = (found[name] for name in subject.needs[step_id] if name in found)
        found[step_id] = timers.get(step_id, 0) + max(before, default=0)
    return found


def pauses(subject: Subject) -> Iterator[Finding]:
    for index, step in subject.steps():
        if step.backoff.initial_s > step.backoff.ceiling_s:
            message = f"the first pause ({step.backoff.initial_s} s) is over the ceiling ({step.backoff.ceiling_s} s)"
            yield subject.finding("backoff_bounds", message, "raise `ceiling:`", "steps", index, "retry", "backoff")


CHECKS = (loops, writes, timeouts, waits, pauses)
