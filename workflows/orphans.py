"""What the queue inside a cluster does not survive: a worker that dies or is stopped while it waits for its next task.

django-q2 hands tasks to the workers of a cluster through one multiprocessing queue. Whoever waits at its pipe holds a
semaphore meanwhile, and nobody gives that back after a SIGKILL (the OOM killer, an operator) or during a SIGSTOP; one
that is killed between the head and the body of a message leaves a pipe that nobody can read any more. Every other
worker of the cluster would wait with it. So each worker watches:

- It is idle and runs wait: a task is only a call to come and look for runs, so it looks unasked.
- Tasks lie in the pipe, it is idle, and still it is not its turn: the holder is gone, and the lock is given back in its
  place (any process may, says `multiprocessing`). Not while a worker is stopped: it may be the holder, and two at one
  pipe would tear its messages apart.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import current_process
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from controlplane.lib import clock
from controlplane.lib.logs import get_logger

log = get_logger(__name__)

LOOK_EVERY_S = 1.0
REPORT_EVERY = 30
STUCK_S = 10.0
"""A live worker takes what lies in the pipe within milliseconds; a starved one gets this long."""


@dataclass
class Watch:
    """Of one worker process over the queue that feeds it."""

    tasks: "Queue[Any]"
    idle: bool = True
    idle_looks: int = 0
    unasked: int = 0
    stuck_since: float | None = field(default=None)

    def busy(self, **_: Any) -> None:
        self.idle, self.idle_looks, self.unasked = False, 0, 0

    def free(self, **_: Any) -> None:
        self.idle = True

    def look(self) -> bool:
        """One look; True when a lock was given back."""
        waiting = self.idle and not Queue.empty(self.tasks) and not _any_stopped(os.getppid())
        if not waiting:
            self.stuck_since = None
            return False
        now = clock.monotonic()
        self.stuck_since = self.stuck_since or now
        if now - self.stuck_since < STUCK_S:
            return False
        self.stuck_since = None
        return _give_back(self.tasks)

    def look_unasked(self, work: Callable[[], bool]) -> None:
        """Idle since the last look: do `work`, what a task would have had this worker do; True when there was some."""
        self.idle_looks = self.idle_looks + 1 if self.idle else 0
        if self.idle_looks < 2 or not work():
            return
        self.unasked += 1
        if self.unasked % REPORT_EVERY == 0:
            log.error("no task reaches this worker though there are some: restart its cluster")

    def keep(self, work: Callable[[], bool]) -> None:
        """For ever, as a thread of the worker."""
        pause = threading.Event()
        while not pause.wait(LOOK_EVERY_S):
            self.look_unasked(work)
            self.look()


def queue_of_this_worker() -> "Queue[Any] | None":
    """What django-q2 started this process with; None where it is no worker of a cluster."""
    given = getattr(current_process(), "_args", ())
    return next((value for value in given if isinstance(value, Queue)), None)


def _any_stopped(cluster: int) -> bool:
    """Whether some process of this cluster is stopped by a signal or a debugger (Linux tells; elsewhere: no)."""
    try:
        children = Path(f"/proc/{cluster}/task/{cluster}/children").read_text().split()
        return any(_state(pid) in {"T", "t"} for pid in children)
    except FileNotFoundError:
        return False


def _state(pid: str) -> str:
    """proc(5): behind the name in brackets, which may hold anything; a process that is gone has none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _give_back(tasks: "Queue[Any]") -> bool:
    try:
        tasks._rlock.release()  # type: ignore[attr-defined]
    except ValueError:  # somebody else was quicker, or it was free
        return False
    log.error("a worker died waiting for a task: the lock that it held was given back")
    return True
