"""A circuit breaker for a decision point that is far away: open means DENY at once, not a wait. Pure."""

FAILURES = 3
PAUSE_S = 2.0


class Breaker:
    """Opens after three failures in a row; then one question per pause is let through as a probe.

    Times are monotonic seconds. Its owner holds a lock around each call.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._next_probe = 0.0

    def admits(self, now: float) -> bool:
        """Whether a question may be put; an open breaker takes the admitted one for its probe."""
        if self._failures < FAILURES:
            return True
        if now < self._next_probe:
            return False
        self._next_probe = now + PAUSE_S
        return True

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self, now: float) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            self._next_probe = now + PAUSE_S
