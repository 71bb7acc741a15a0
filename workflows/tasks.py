"""The task of the workers: come and look at the queue. It carries nothing and may come twice, late or never."""

import signal
import threading
from functools import cache
from multiprocessing.util import Finalize
from types import FrameType
from typing import Any

from django.db import connections
from django_q.signals import post_execute_in_worker, pre_execute

from connectors import gateway
from controlplane.lib.logs import get_logger
from policies.services import decide_many
from workflows import orphans
from workflows.claiming import any_ready
from workflows.engine import Engine
from workflows.engine.crew import Crew

log = get_logger(__name__)


def work() -> None:
    """Advance what waits."""
    crew().work()
    if crew().leaving:
        raise SystemExit(0)


def work_unasked() -> bool:
    """The same where no task came, in a thread beside the one that waits for it; False when no run waits.

    That other thread ends the process when it is to leave.
    """
    try:
        found = any_ready()
        if found:
            crew().work()
    except Exception:
        log.exception("looking for runs unasked failed")
        connections.close_all()
        return False
    if crew().leaving:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    return found


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
    threading.Thread(target=watch.keep, args=(work_unasked,), name="queue-watch", daemon=True).start()


def _told_to_end(_signal: int, _frame: FrameType | None) -> None:
    crew().stop()
    if not crew().busy:
        raise SystemExit(0)
