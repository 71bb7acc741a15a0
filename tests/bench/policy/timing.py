"""Taking times. Everything that is compared is taken in turns, so that a machine that slows down slows all of it."""

import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Times:
    """Milliseconds."""

    p50_ms: float
    p99_ms: float
    count: int


def of(seconds: Sequence[float]) -> Times:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return Times(statistics.median(seconds) * 1000, cuts[98] * 1000, len(seconds))


def in_turns(works: Mapping[str, Callable[[], object]], rounds: int, *, warm: int = 20) -> dict[str, Times]:
    """Each piece of work once per round."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for number in range(warm + rounds):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if number >= warm:
                taken[name].append(time.perf_counter() - began)
    return {name: of(times) for name, times in taken.items()}


def per_second(makers: Sequence[Callable[[], Callable[[], object]]], seconds: float) -> float:
    """How often all of them together get their work done; each maker is called in the thread that does the work."""
    counts, over = [0] * len(makers), threading.Event()
    gate = threading.Barrier(len(makers) + 1)

    def go(place: int) -> None:
        work = makers[place]()
        work()
        gate.wait()
        while not over.is_set():
            work()
            counts[place] += 1

    threads = [threading.Thread(target=go, args=(place,), daemon=True) for place in range(len(makers))]
    for thread in threads:
        thread.start()
    gate.wait()
    began = time.perf_counter()
    time.sleep(seconds)
    over.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)
