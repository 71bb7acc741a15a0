"""Many threads at one thing, released together."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connections

THREADS = 50
T = TypeVar("T")


def at_once(work: Callable[[], T], threads: int = THREADS) -> list[T]:
    """Run the same work in every thread; returns what each returned."""
    barrier = Barrier(threads)

    def run(_: int) -> T:
        barrier.wait()
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))
