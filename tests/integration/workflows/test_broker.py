"""The queue: in the caller's transaction, at least once, one taker at a time."""

import threading
import time

import pytest
from django.db import connection, transaction
from django_q.conf import Conf

from workflows.broker import PostgresBroker


@pytest.fixture
def broker(committed_db):
    return PostgresBroker(list_key="test")


def taken(broker):
    return [payload for _, payload in broker._take()]


def test_a_task_exists_only_when_its_transaction_commits(broker):
    with transaction.atomic():
        broker.enqueue("lost")
        transaction.set_rollback(True)
    with transaction.atomic():
        broker.enqueue("kept")
        assert broker.queue_size() == 1
    assert taken(broker) == ["kept"]


def test_a_taken_task_is_invisible_until_its_time_is_over(broker, monkeypatch):
    broker.enqueue("once")
    monkeypatch.setattr(Conf, "RETRY", 0.2)
    assert taken(broker) == ["once"]
    assert taken(broker) == []
    assert (broker.queue_size(), broker.lock_size()) == (0, 1)
    time.sleep(0.3)
    assert taken(broker) == ["once"]


def test_an_acknowledged_task_is_gone(broker, monkeypatch):
    monkeypatch.setattr(Conf, "RETRY", 0)
    task_id = broker.enqueue("done")
    assert broker.dequeue() == [(task_id, "done")]
    broker.acknowledge(task_id)
    assert (broker.queue_size(), broker.lock_size()) == (0, 0)


def test_the_oldest_task_comes_first_and_queues_do_not_mix(broker):
    for name in ("a", "b"):
        broker.enqueue(name)
    PostgresBroker(list_key="other").enqueue("c")
    assert [p for _ in range(3) for p in taken(broker)] == ["a", "b"]


def test_a_waiting_worker_is_woken_by_the_commit(broker):
    woken: list[tuple[float, list]] = []

    def worker():
        mine = PostgresBroker(list_key="test")
        found = None
        while not found:
            found = mine.dequeue()
        woken.append((time.monotonic(), [payload for _, payload in found]))
        connection.close()

    thread = threading.Thread(target=worker, daemon=True)
    thread.start()
    time.sleep(0.3)
    put_at = time.monotonic()
    broker.enqueue("now")
    thread.join(5)
    at, payloads = woken[0]
    assert payloads == ["now"]
    assert at - put_at < 0.5


@pytest.mark.races
def test_many_workers_never_take_the_same_task(broker):
    for number in range(60):
        broker.enqueue(str(number))
    seen: list[str] = []
    start = threading.Barrier(6)

    def worker():
        mine = PostgresBroker(list_key="test")
        start.wait()
        while found := taken(mine):
            seen.extend(found)
        connection.close()

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(map(int, seen)) == list(range(60))


def test_a_lost_database_connection_is_survived(broker):
    broker.enqueue("after")
    connection.ensure_connection()
    connection.connection.close()
    assert broker.dequeue() is None
    assert taken(broker) == ["after"]
