"""Slack in front of the gateway's tenant: its doors, a card that waits, and a person at it by either way."""

from types import SimpleNamespace
from typing import Any

import pytest

from connectors import wakeups
from connectors.calls import CallStatus
from tests import slack_ground as slack
from tests.slack_ground import Desk
from tests.stand_ins import StandIns


@pytest.fixture
def scheduled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Cards that a worker was asked to show; the test is the worker."""
    asked: list[Any] = []
    monkeypatch.setattr(wakeups, "async_task", lambda _task, _tenant, request_id: asked.append(request_id))
    return asked


@pytest.fixture
def door(ready: SimpleNamespace, vendors: StandIns, scheduled: list[Any]) -> SimpleNamespace:
    return slack.furnish(ready, vendors)


@pytest.fixture(params=[slack.HTTP, slack.SOCKET])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def asked(door: SimpleNamespace, vendors: StandIns) -> CallStatus:
    return slack.asked(door, vendors)


@pytest.fixture
def desk(door: SimpleNamespace, vendors: StandIns, asked: CallStatus, way: str) -> Desk:
    return Desk(door, vendors, way, asked.request_id)
