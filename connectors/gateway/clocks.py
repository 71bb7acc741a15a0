"""How long things may take, in seconds, and when an unknown outcome is looked at again.

send window < send window + hard deadline + stall ≤ lease: a worker that slept past its window never sends, one that
slept past its deadline is no more (`stalls`), and nobody takes a call over while a byte of it could still leave.
"""

from datetime import datetime, timedelta

from django.conf import settings

from connectors.stalls import STALL_S

LEASE_S: int = settings.INTERLOCK_CALL_LEASE_S
SEND_WINDOW_S: int = settings.INTERLOCK_SEND_WINDOW_S
HARD_DEADLINE_S: int = settings.INTERLOCK_HARD_DEADLINE_S
LAST_BYTE_S = SEND_WINDOW_S + HARD_DEADLINE_S + STALL_S
"""From the dispatch on; then no process is left that could send."""

DECISION_MAX_AGE_S = 10
SEAL_TIMEOUT_S = 10
HALT_RETRY_S = 3
HOLD_RETRY_S = 2
BUSY_RETRY_S = 1
PROBE_AFTER_S = (2, 15, 70, 300, 900)
"""Seconds after the previous look. A server transaction can outlive our timeout by a minute."""


def deadline_s(declared: int) -> int:
    """An action may ask for less than the hard deadline, never for more."""
    return min(declared, HARD_DEADLINE_S)


def next_probe(now: datetime, probes: int) -> datetime | None:
    """When to look again after `probes` looks; None: from here on a person decides."""
    if probes >= len(PROBE_AFTER_S):
        return None
    return now + timedelta(seconds=PROBE_AFTER_S[probes])


def absence_proven(dispatched_at: datetime, now: datetime, settle_time_s: int) -> bool:
    """A marker that is not there counts as never written only after the action's settle time."""
    return now - dispatched_at >= timedelta(seconds=settle_time_s)
