"""Programs that keep killing their evaluator are not run for a while. Pure."""

from collections import defaultdict

KILLS = 3
WINDOW_S = 60.0


class Quarantine:
    """Counts kills per program key within a sliding window; times are monotonic seconds."""

    def __init__(self) -> None:
        self._kills: dict[str, list[float]] = defaultdict(list)

    def killed(self, key: str, now: float) -> None:
        self._kills[key] = [*self._recent(key, now), now]

    def holds(self, key: str, now: float) -> bool:
        return len(self._recent(key, now)) >= KILLS

    def _recent(self, key: str, now: float) -> list[float]:
        recent = [at for at in self._kills.get(key, []) if now - at < WINDOW_S]
        if not recent:
            self._kills.pop(key, None)
        return recent
