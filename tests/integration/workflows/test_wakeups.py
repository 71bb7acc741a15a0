"""The doorbell: one per transaction, after its commit, without ids, through any broker of django-q2.

Redis and SQS have no transactions: what is put there is visible at once. A list stands in for them, with the
interface of `django_q.brokers.Broker`; a real server is not needed to see what would be sent, and when.
"""

import pydoc

import pytest
from django.db import transaction
from django_q.brokers import Broker
from django_q.signing import SignedPackage

from workflows import wakeups
from workflows.broker import BELL_TASK, PostgresBroker


class ListBroker(Broker):
    """Like the one of Redis: taken is gone, nothing is acknowledged."""

    def __init__(self):
        super().__init__("test")
        self.queue = []

    def enqueue(self, task):
        self.queue.append(task)
        return len(self.queue)


@pytest.fixture
def other(monkeypatch):
    broker = ListBroker()
    monkeypatch.setattr(wakeups, "get_broker", lambda: broker)
    return broker


def test_another_broker_is_rung_once_and_only_after_the_commit(db, other, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            wakeups.ring()
        assert other.queue == []
    assert len(other.queue) == 1


def test_nobody_is_rung_for_what_was_rolled_back(db, other, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        wakeups.ring()
        transaction.set_rollback(True)
    assert other.queue == []


def test_the_doorbell_carries_no_ids_and_names_a_task_that_exists(db, other, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        wakeups.ring()
    task = SignedPackage.loads(other.queue[0])
    assert (task["func"], task["args"], task["kwargs"]) == (BELL_TASK, (), {})
    assert callable(pydoc.locate(task["func"]))


def test_our_own_broker_turns_a_notice_into_the_same_task(committed_db):
    broker = PostgresBroker(list_key="test")
    assert broker.dequeue() is None
    broker.ring()
    broker.ring()
    ((ack_id, payload),) = broker.dequeue()
    assert ack_id is None
    assert SignedPackage.loads(payload)["func"] == BELL_TASK
    assert (broker.dequeue(), broker.queue_size()) == (None, 0)
