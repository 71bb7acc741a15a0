"""kill -9 of a worker that waits for its next task: the others of its cluster go on."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess

import pytest
from django_q.queues import Queue

from workflows import orphans

pytestmark = pytest.mark.faults


def _waits(tasks: Queue) -> None:
    tasks.get()


@pytest.fixture
def orphaned() -> Queue:
    """A queue whose reader was killed at the pipe; a task lies in it."""
    tasks = Queue()
    reader = multiprocessing.get_context("fork").Process(target=_waits, args=(tasks,))
    reader.start()
    while tasks._rlock.acquire(block=False):
        tasks._rlock.release()
        time.sleep(0.01)
    os.kill(reader.pid, signal.SIGKILL)
    reader.join()
    tasks.put("bell")
    while orphans.Queue.empty(tasks):
        time.sleep(0.01)
    yield tasks
    tasks.close()
    tasks.join_thread()


def test_the_lock_of_a_dead_reader_is_given_back(orphaned: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "STUCK_S", 0.0)
    assert orphans.Watch(orphaned).look()
    assert orphaned.get(timeout=5) == "bell"


def test_a_worker_that_works_gives_nothing_back(orphaned: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "STUCK_S", 0.0)
    watch = orphans.Watch(orphaned)
    watch.busy()
    assert not watch.look()
    watch.free()
    assert watch.look()


def test_nothing_is_given_back_before_its_time_or_twice(orphaned: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = orphans.Watch(orphaned)
    assert not watch.look()
    assert not orphaned._rlock.acquire(block=False)
    monkeypatch.setattr(orphans, "STUCK_S", 0.0)
    assert watch.look()
    assert not orphans.Watch(orphaned).look()


def test_only_a_worker_of_a_cluster_has_a_queue_to_watch() -> None:
    assert orphans.queue_of_this_worker() is None


@pytest.fixture
def sleeping_holder(monkeypatch: pytest.MonkeyPatch) -> Iterator[BaseProcess]:
    """A stopped process in the cluster of this test: it may be the holder."""
    monkeypatch.setattr(orphans, "STUCK_S", 0.0)
    monkeypatch.setattr(os, "getppid", os.getpid)
    sleeper = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    sleeper.start()
    os.kill(sleeper.pid, signal.SIGSTOP)
    os.waitpid(sleeper.pid, os.WUNTRACED)
    yield sleeper
    sleeper.kill()
    sleeper.join()


def test_while_a_worker_is_stopped_nothing_is_given_back(orphaned: Queue, sleeping_holder: BaseProcess) -> None:
    assert not orphans.Watch(orphaned).look()
    sleeping_holder.kill()
    sleeping_holder.join()
    assert orphans.Watch(orphaned).look()


class Unasked:
    """Counts how often a worker looked for work by itself; there always is some."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bool:
        self.times += 1
        return True


@pytest.mark.usefixtures("sleeping_holder")
def test_a_worker_that_is_not_served_looks_for_work_itself(orphaned: Queue) -> None:
    watch, work = orphans.Watch(orphaned), Unasked()
    watch.look_unasked(work)
    assert work.times == 0, "it may have become idle a moment ago"
    watch.look_unasked(work)
    assert work.times == 1
    assert not orphaned._rlock.acquire(block=False), "the lock of a worker that is only stopped was given back"


def test_a_worker_that_works_does_not_look_unasked(orphaned: Queue) -> None:
    watch, work = orphans.Watch(orphaned), Unasked()
    for _ in range(3):
        watch.look_unasked(work)
        watch.busy()
        watch.free()
    watch.busy()
    watch.look_unasked(work)
    watch.look_unasked(work)
    assert work.times == 0


def test_a_worker_that_only_finds_work_unasked_says_that_its_cluster_is_broken(
    orphaned: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    watch = orphans.Watch(orphaned)
    for _ in range(orphans.REPORT_EVERY + 1):
        watch.look_unasked(Unasked())
    assert "restart its cluster" in caplog.text
