"""The task of the workers: come and look at the queue. It carries nothing and may come twice, late or never."""

import signal
import threading
from functools import cache
from multiprocessing.util import Finalize
from types import FrameType
from typing import Any

from django_q.signals import post_execute_in_worker, pre_execute

from connectors import gateway
from policies.services import decide_many
from workflows import orphans
from workflows.engine import Engine
from workflows.engine.crew import Crew


def work() -> None:
    """Advance what waits."""
    crew().work()
    if crew().leaving:
        raise SystemExit(0)


@cache
def crew() -> Crew:
    """The hands of this process, made in it: threads do not survive a fork."""
    return Crew(Engine(gateway, decide_many))


def enlist(**_: Any) -> None:
    """In each new worker process (django-q2's `post_spawn`): told to end, it gives back what it holds first.

    Recycling and a stop of the cluster end the loop of the worker, a signal ends it from outside.
    """
    Finalize(None, crew().leave, exitpriority=100)
    signal.signal(signal.SIGTERM, _told_to_end)
    _watch_the_queue()


def _watch_the_queue() -> None:
    tasks = orphans.queue_of_this_worker()
    if tasks is None:
        return
    watch = orphans.Watch(tasks)
    pre_execute.connect(watch.busy, weak=False)
    post_execute_in_worker.connect(watch.free, weak=False)
    threading.Thread(target=watch.keep, name="queue-watch", daemon=True).start()


def _told_to_end(_signal: int, _frame: FrameType | None) -> None:
    crew().stop()
    if not crew().busy:
        raise SystemExit(0)
