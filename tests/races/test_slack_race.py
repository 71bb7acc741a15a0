"""Clicks side by side: the same one is handled once, and of several people's clicks as many count as are needed."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals.models import ApprovalRequest, Vote
from approvals.types import State
from connectors.models import SlackDelivery
from tests import slack_ground as slack
from tests.races.threads import at_once
from tests.slack_fixtures import scheduled  # noqa: F401 - fixture
from tests.slack_ground import Desk, Payload
from tests.stand_ins import StandIns

DELIVERIES = 20


@pytest.fixture
def desk(
    committed_db: str,
    ready: SimpleNamespace,
    vendors: StandIns,
    scheduled: list[Any],  # noqa: F811 - fixture
) -> Desk:
    """A card that waits, commits real; the tenant's scope is left, as requests come."""
    desk = slack.waiting_card(ready, vendors)
    slack.link(desk.side, "U0CAROL", desk.side.carol.id)
    return desk


def _deliver(desk: Desk, payload: Payload) -> list[slack.Answer]:
    """The same click from every side at once: signed requests and envelopes, each of them new."""
    ways = iter([slack.HTTP, slack.SOCKET] * DELIVERIES)
    with slack.outside():
        return at_once(lambda: _over(next(ways), desk, payload), DELIVERIES)


def _over(way: str, desk: Desk, payload: Payload) -> slack.Answer:
    if way == slack.HTTP:
        return slack.over_http(desk.side.token, payload)
    return slack.over_socket(desk.side, payload)


def test_one_click_delivered_many_times_is_one_vote(desk: Desk) -> None:
    with transaction.atomic():
        ApprovalRequest.objects.update(quorum=2)
    answers = _deliver(desk, desk.pressed("approve"))
    assert {answer.status for answer in answers} == {200}
    with transaction.atomic():
        assert Vote.objects.count() == 1
        assert SlackDelivery.objects.exists()
    assert desk.request().state == State.PENDING, "one person said yes, however often it was delivered"


def test_two_people_at_once_complete_a_quorum_once(desk: Desk) -> None:
    with transaction.atomic():
        ApprovalRequest.objects.update(quorum=2)
    clicks = iter([desk.pressed("approve", user=user) for _ in range(4) for user in ("U0BOB", "U0CAROL")])
    with slack.outside():
        at_once(lambda: slack.over_socket(desk.side, next(clicks)), 8)
    with transaction.atomic():
        assert sorted(Vote.objects.values_list("voter_label", flat=True)) == ["Bob", "Carol"]
    assert desk.request().state == State.APPROVED
