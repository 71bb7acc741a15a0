"""The queue of django-q2 on PostgreSQL: SKIP LOCKED to take, LISTEN to wake, a slow poll for lost notices.

Enqueueing a task is a row in the caller's transaction. The notice is sent after that commit, in a statement of its
own, because NOTIFY takes a database-wide lock at commit and must not hold up a business transaction. A task that is
not acknowledged within `Q_CLUSTER["retry"]` seconds becomes visible again: delivery is at least once.

The doorbell of the engine is a notice alone: runs are queued by their own rows, so it costs no row, no
acknowledgement, and may be lost.
"""

import time
from functools import partial
from typing import Any

from django.db import DatabaseError, connection, transaction
from django_q.brokers import Broker
from django_q.conf import Conf
from django_q.tasks import async_task
from psycopg import sql

from controlplane.lib.logs import get_logger

log = get_logger(__name__)

CHANNEL = "interlock_wakeup"
BELL = "bell"
BELL_TASK = "workflows.tasks.work"
SLOW_POLL_S = 1.0
AFTER_A_FAULT_S = 1.0

_PUT = "INSERT INTO workflows_wakeup (queue, payload, visible_at) VALUES (%s, %s, now()) RETURNING id"
_TAKE = """
WITH taken AS MATERIALIZED (
     SELECT id FROM workflows_wakeup
      WHERE queue = %(queue)s AND visible_at <= now()
      ORDER BY visible_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED)
UPDATE workflows_wakeup w SET visible_at = now() + make_interval(secs => %(retry)s)
  FROM taken WHERE w.id = taken.id
RETURNING w.id, w.payload
"""
_DONE = "DELETE FROM workflows_wakeup WHERE id = %s"
_PURGE = "DELETE FROM workflows_wakeup WHERE queue = %s"
_WAITING = "SELECT count(*) FROM workflows_wakeup WHERE queue = %s AND visible_at <= now()"
_TAKEN = "SELECT count(*) FROM workflows_wakeup WHERE queue = %s AND visible_at > now()"


class PostgresBroker(Broker):  # type: ignore[misc]  # django-q2 ships no types
    """`Q_CLUSTER["broker_class"]`. `list_key` is the name of the queue."""

    _listens_on: object = None

    def enqueue(self, task: str) -> int:
        """Put a signed task into the queue as part of the open transaction; returns its id."""
        row = _one(_PUT, self.list_key, task)
        transaction.on_commit(partial(_notify, self.list_key), robust=True)
        return int(row[0])

    def ring(self) -> None:
        """Have one worker of each cluster look for runs. Outside transactions."""
        _run("SELECT pg_notify(%s, %s)", CHANNEL, BELL)

    def dequeue(self) -> list[tuple[int | None, str]] | None:
        """Tasks for this worker; None after waiting for a moment in vain."""
        try:
            return self._take() or self._wait()
        except DatabaseError:
            log.exception("the queue cannot be read")
            connection.close()
            time.sleep(AFTER_A_FAULT_S)
            return None

    def _take(self) -> list[tuple[int | None, str]]:
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, {"queue": self.list_key, "retry": Conf.RETRY, "most": Conf.BULK})
            return [(int(task_id), str(payload)) for task_id, payload in cursor.fetchall()]

    def _wait(self) -> list[tuple[int | None, str]] | None:
        """Until a notice, or the slow poll that covers a lost one. Listening starts before the last look."""
        if self._listen() and (found := self._take()):
            return found
        while noticed := list(connection.connection.notifies(timeout=SLOW_POLL_S, stop_after=1)):
            noticed += connection.connection.notifies(timeout=0)
            words = {notice.payload for notice in noticed}
            if BELL in words:
                return [(None, _bell())]
            if self.list_key in words:
                return self._take() or None
        return None

    def _listen(self) -> bool:
        """Once per connection; True when it has just begun."""
        connection.ensure_connection()
        if self._listens_on is connection.connection:
            return False
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
        self._listens_on = connection.connection
        return True

    def acknowledge(self, task_id: int) -> None:
        _run(_DONE, task_id)

    def delete(self, task_id: int) -> None:
        _run(_DONE, task_id)

    def fail(self, task_id: int) -> None:
        """A task that nobody can read (wrong signature): it is thrown away, the sweeper restores the wake-up."""
        log.error("unreadable task dropped", extra={"wakeup_id": task_id})
        _run(_DONE, task_id)

    def queue_size(self) -> int:
        return int(_one(_WAITING, self.list_key)[0])

    def lock_size(self) -> int:
        return int(_one(_TAKEN, self.list_key)[0])

    def purge_queue(self) -> None:
        _run(_PURGE, self.list_key)

    def delete_queue(self) -> None:
        self.purge_queue()

    def ping(self) -> bool:
        return bool(_one("SELECT 1")[0])

    def info(self) -> str:
        return f"PostgreSQL {self.list_key}"


class _Catch(Broker):  # type: ignore[misc]  # django-q2 ships no types
    """Keeps the signed form of a task instead of sending it."""

    def enqueue(self, task: str) -> int:
        self.task = task
        return 0


def _bell() -> str:
    catch = _Catch()
    async_task(BELL_TASK, broker=catch)
    return catch.task


def _notify(queue: str) -> None:
    _run("SELECT pg_notify(%s, %s)", CHANNEL, queue)


def _run(statement: str, *values: str | int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _one(statement: str, *values: str | int) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] = cursor.fetchone()
        return row
