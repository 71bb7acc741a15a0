"""A process that is killed while it handles a click: Slack's next delivery of the same click is handled, once."""

import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals.models import Vote
from approvals.types import State
from connectors.models import SlackDelivery
from tests import slack_ground as slack
from tests.slack_fixtures import scheduled  # noqa: F401 - fixture
from tests.slack_ground import Desk
from tests.stand_ins import StandIns

HANDLER = """
import json, os, signal, sys, django
django.setup()
from django.conf import settings
settings.ALLOWED_HOSTS = ["testserver"]
from approvals import services, voting
from connectors.slack import once
from tests import slack_ground
moment, token, payload = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
mark, cast = once.mark, services.cast_vote
if moment == "before the vote":
    services.cast_vote = die
elif moment == "in the vote's transaction":
    once.mark = lambda interaction: (mark(interaction), die())
else:
    services.cast_vote = lambda **vote: (cast(**vote), die())
slack_ground.over_http(token, payload)
"""
NOTHING_KEPT = ("before the vote", "in the vote's transaction")


@pytest.fixture
def desk(
    committed_db: str,
    ready: SimpleNamespace,
    vendors: StandIns,
    scheduled: list[Any],  # noqa: F811 - fixture
) -> Desk:
    return slack.waiting_card(ready, vendors)


def _handled_by_one_that_dies(desk: Desk, moment: str, payload: slack.Payload) -> None:
    command = [sys.executable, "-c", HANDLER, moment, desk.side.token, json.dumps(payload)]
    died = subprocess.run(command, check=False, env=dict(os.environ), timeout=120, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2000:]


def _kept() -> tuple[int, bool]:
    with transaction.atomic():
        return Vote.objects.count(), SlackDelivery.objects.exists()


@pytest.mark.parametrize("moment", NOTHING_KEPT)
def test_a_click_whose_process_died_is_handled_when_it_comes_again(desk: Desk, moment: str) -> None:
    payload = desk.pressed("approve")
    _handled_by_one_that_dies(desk, moment, payload)
    assert _kept() == (0, False), "neither the vote nor its mark"
    desk.way = slack.SOCKET
    assert desk.send(payload).status == 200
    assert _kept() == (1, True)
    assert desk.request().state == State.APPROVED


def test_a_click_whose_vote_was_kept_does_nothing_when_it_comes_again(desk: Desk) -> None:
    payload = desk.pressed("approve")
    _handled_by_one_that_dies(desk, "after the vote", payload)
    assert _kept() == (1, True)
    for way in (slack.HTTP, slack.SOCKET):
        desk.way = way
        assert desk.send(payload).status == 200
    assert _kept() == (1, True)
    assert desk.told() == [], "the person is not told that they have voted already: it was this click"
