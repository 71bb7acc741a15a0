"""When a failed call is tried again. Pure."""

from datetime import datetime, timedelta

from workflows.definition.steps import Backoff

USUAL = Backoff()


def delay_s(attempt: int, *, jitter: float, backoff: Backoff = USUAL) -> float:
    """Seconds before the next try: growing as the back-off says (doubling from 1 s to 120 s), of which a random half.

    `attempt` counts tries so far, from 1; `jitter` is uniform in [0, 1). "Equal jitter": enough spread that a
    herd of runs does not come back at once, never so short that it hammers (M. Brooker, Exponential Backoff
    And Jitter, 2015).
    """
    full = min(float(backoff.ceiling_s), backoff.initial_s * float(backoff.factor) ** min(attempt - 1, 16))
    return full / 2 + full / 2 * jitter


def next_try(
    *,
    attempt: int,
    max_retries: int,
    started_at: datetime,
    timeout_s: int,
    now: datetime,
    not_before: datetime | None,
    jitter: float,
    backoff: Backoff = USUAL,
) -> datetime | None:
    """When to try again; None when the retries or the time are used up.

    `not_before` is what the target asked for (Retry-After); it wins over a shorter delay.
    """
    if attempt > max_retries:
        return None
    due = now + timedelta(seconds=delay_s(attempt, jitter=jitter, backoff=backoff))
    due = max(due, not_before) if not_before is not None else due
    return due if due <= started_at + timedelta(seconds=timeout_s) else None
