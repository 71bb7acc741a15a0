"""Linking one's own Slack user, being told directly, the daily digest, and whose turn it is."""

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from approvals.types import State
from connectors import preferences, rotas, summons
from connectors.calls import CallStatus
from connectors.errors import LinkingRefused
from connectors.models import SlackIdentity
from connectors.people_models import NotificationPreference, SlackLinking
from connectors.sandbox import accounts
from connectors.slack import linking
from controlplane.lib import clock
from controlplane.lib.errors import Conflict, Forbidden, Invalid, NotFound
from tenants.actors import Actor
from tenants.models import User
from tests import slack_ground as slack
from tests.slack_ground import Desk
from tests.stand_ins import StandIns


@pytest.fixture(params=[slack.SOCKET])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _session(side: SimpleNamespace, name: str, method: str = "session") -> Actor:
    user = getattr(side, name)
    return Actor(user.kind, user.id, side.tenant.id, user.label, method)


def _letters(vendors: StandIns, slack_user: str) -> list[dict[str, Any]]:
    channels = vendors.ctl("state", method="GET")["slack"]["channels"]
    return list(channels.get(f"D{slack_user[1:]}", {}).values())


def _code(vendors: StandIns, slack_user: str) -> str:
    found = re.search(r"console: ([A-Z0-9]{8})", str(_letters(vendors, slack_user)[-1]["blocks"]))
    assert found
    return found[1]


def _begin(side: SimpleNamespace, name: str = "carol", slack_user: str = "U0CAROL") -> SlackLinking:
    return linking.begin(team_id=accounts.SLACK_TEAM, slack_user_id=slack_user, actor=_session(side, name))


# --- linking -------------------------------------------------------------------------------------------------


def test_a_signed_in_person_links_their_slack_user_and_then_decides_with_it(desk: Desk) -> None:
    carol = _session(desk.side, "carol")
    attempt = _begin(desk.side)
    desk.press("approve", user="U0CAROL")
    assert desk.request().state == State.PENDING, "a code that was sent links nobody"
    linked = linking.confirm(attempt_id=attempt.pk, code=f" {_code(desk.vendors, 'U0CAROL').lower()} ", actor=carol)
    assert linked.linked_by == linked.user_id == carol.id
    desk.press("approve", user="U0CAROL")
    assert desk.request().state == State.APPROVED
    linking.unlink_own(identity_id=linked.pk, actor=carol)
    assert linking.own(carol) == []


def test_the_code_is_good_in_the_session_that_asked_for_it_only(door: SimpleNamespace, vendors: StandIns) -> None:
    attempt = _begin(door)
    code = _code(vendors, "U0CAROL")
    with pytest.raises(NotFound):
        linking.confirm(attempt_id=attempt.pk, code=code, actor=_session(door, "dana"))
    with pytest.raises(NotFound):
        linking.confirm(attempt_id=uuid4(), code=code, actor=_session(door, "carol"))
    with clock.frozen(clock.now() + timedelta(minutes=11)), pytest.raises(LinkingRefused, match="no longer good"):
        linking.confirm(attempt_id=attempt.pk, code=code, actor=_session(door, "carol"))
    assert not _identities()


def test_a_code_takes_five_guesses_and_works_once(door: SimpleNamespace, vendors: StandIns) -> None:
    carol = _session(door, "carol")
    guessed = _begin(door)
    for _ in range(linking.MOST_TRIES):
        with pytest.raises(LinkingRefused):
            linking.confirm(attempt_id=guessed.pk, code="WRONG234", actor=carol)
    with pytest.raises(LinkingRefused):
        linking.confirm(attempt_id=guessed.pk, code=_code(vendors, "U0CAROL"), actor=carol)
    attempt = _begin(door)
    code = _code(vendors, "U0CAROL")
    linking.confirm(attempt_id=attempt.pk, code=code, actor=carol)
    with pytest.raises(LinkingRefused):
        linking.confirm(attempt_id=attempt.pk, code=code, actor=carol)


def test_what_cannot_be_linked(door: SimpleNamespace, vendors: StandIns) -> None:
    """Somebody else's, a wrong id, another workspace, by a token, a stranger to Slack, or too often."""
    with pytest.raises(Conflict):
        _begin(door, slack_user="U0BOB")
    with pytest.raises(Invalid):
        _begin(door, slack_user="carol@acme.test")
    with pytest.raises(Invalid):
        linking.begin(team_id="T0ELSEWHERE", slack_user_id="U0CAROL", actor=_session(door, "carol"))
    for method in ("token", "slack", "slack-socket"):
        with pytest.raises(Forbidden):
            linking.begin(team_id=accounts.SLACK_TEAM, slack_user_id="U0CAROL", actor=_session(door, "carol", method))
    with pytest.raises(LinkingRefused, match="did not take"):
        _begin(door, slack_user="U0NOBODY")
    for _ in range(linking.MOST_PER_HOUR - 1):
        _begin(door)
    with pytest.raises(LinkingRefused, match="Too many"):
        _begin(door)
    assert not _identities()


def test_nobody_unlinks_somebody_else(door: SimpleNamespace) -> None:
    with transaction.atomic():
        bobs = SlackIdentity.objects.get(slack_user_id="U0BOB")
    with pytest.raises(NotFound):
        linking.unlink_own(identity_id=bobs.pk, actor=_session(door, "carol"))


def _identities() -> bool:
    with transaction.atomic():
        return SlackIdentity.objects.filter(slack_user_id="U0CAROL").exists()


# --- being told ----------------------------------------------------------------------------------------------


def _wish(side: SimpleNamespace, name: str, direct: str, **more: Any) -> NotificationPreference:
    wishes = {"digest_hour": None, "weekdays_only": False, "timezone": "UTC", **more}
    return preferences.save(direct=direct, **wishes, actor=_session(side, name))


def _rota(side: SimpleNamespace, *names: str, **more: Any) -> Any:
    members = [getattr(side, name).id for name in names]
    terms = {"starts_at": clock.now() - timedelta(hours=1), "turn_hours": 8, "name": "itsm", **more}
    return rotas.save(workspace_id=side.workspace.id, members=members, **terms, actor=side.admin)


def test_people_are_told_directly_as_they_wish(door: SimpleNamespace, vendors: StandIns, asked: CallStatus) -> None:
    """By default in one's turn only; always or never where one says so; never somebody who may not decide."""
    slack.link(door, "U0CAROL", door.carol.id)
    told = summons.summon(request_id=asked.request_id)
    assert told == 0, "nobody's turn, nobody asked to be told"
    _rota(door, "bob", "carol")
    _wish(door, "alice", "always")
    assert summons.summon(request_id=asked.request_id) == 1
    assert "Update incident" in str(_letters(vendors, "U0BOB"))
    assert "It is your turn in itsm." in str(_letters(vendors, "U0BOB"))
    assert (_letters(vendors, "U0ALICE"), _letters(vendors, "U0CAROL")) == ([], [])
    _wish(door, "bob", "never")
    _wish(door, "carol", "always")
    summons.summon(request_id=asked.request_id)
    assert (len(_letters(vendors, "U0BOB")), len(_letters(vendors, "U0CAROL"))) == (1, 1)
    summons.summon(request_id=asked.request_id)
    assert len(_letters(vendors, "U0CAROL")) == 1, "each once"


def test_a_digest_comes_once_a_day_and_only_when_something_waits(
    door: SimpleNamespace, vendors: StandIns, asked: CallStatus
) -> None:
    row = _wish(door, "bob", "never", digest_hour=8)
    assert summons.send_digests() == 0, "not yet"
    _overdue()
    assert summons.send_digests() == 1
    assert "1 request waits for you" in str(_letters(vendors, "U0BOB")[-1]["blocks"])
    assert summons.send_digests() == 0, "tomorrow again"
    with transaction.atomic():
        coming = NotificationPreference.objects.get(pk=row.pk).digest_due_at
    assert coming is not None
    assert coming > clock.now()
    assert coming.hour == 8
    _wish(door, "alice", "never", digest_hour=8)
    _overdue()
    assert summons.send_digests() == 1, "nothing waits for Alice, who may not decide"
    assert _letters(vendors, "U0ALICE") == []


def _overdue() -> None:
    with transaction.atomic():
        NotificationPreference.objects.update(digest_due_at=clock.now() - timedelta(minutes=1))


def test_wishes_are_ones_own_and_make_sense(door: SimpleNamespace) -> None:
    for wrong in ({"direct": "sometimes"}, {"digest_hour": 24}, {"timezone": "Mars/Olympus"}):
        with pytest.raises(Invalid):
            _wish(door, "bob", **{"direct": "never", **wrong})
    service = Actor("service", uuid4(), door.tenant.id, "robot", "token")
    with pytest.raises(Forbidden):
        preferences.save(direct="always", digest_hour=None, weekdays_only=True, timezone="UTC", actor=service)


# --- whose turn ----------------------------------------------------------------------------------------------


def test_the_rota_says_who_is_asked_now_and_passes_over_who_cannot_be(door: SimpleNamespace) -> None:
    dana = _session(door, "dana")
    _rota(door, "bob", "carol", starts_at=clock.now() - timedelta(hours=9))
    (now,) = rotas.now_on_call(dana)
    assert (now.label, now.next_label) == ("Carol", "Bob")
    with transaction.atomic():
        User.objects.filter(pk=door.carol.id).update(is_active=False)
    assert [one.label for one in rotas.now_on_call(dana)] == ["Bob"]
    _rota(door, "bob", enabled=False)
    assert rotas.now_on_call(dana) == []


def test_whoever_stands_in_for_somebody_away_is_asked(door: SimpleNamespace) -> None:
    from approvals.delegating import delegate

    _rota(door, "bob")
    now = clock.now()
    with clock.frozen(now):
        delegate(
            workspace_id=door.workspace.id,
            stand_in_id=door.carol.id,
            starts_at=now,
            ends_at=now + timedelta(days=1),
            reason="on leave",
            actor=_session(door, "bob"),
        )
    with clock.frozen(now + timedelta(minutes=1)):
        (found,) = rotas.now_on_call(_session(door, "dana"))
    assert (found.label, found.stands_in_for) == ("Carol", "Bob")


def test_only_administrators_set_a_rota_and_only_of_people_who_are_there(door: SimpleNamespace) -> None:
    members = [door.bob.id]
    terms = {"workspace_id": door.workspace.id, "name": "x", "starts_at": clock.now()}
    with pytest.raises(Forbidden):
        rotas.save(**terms, members=members, turn_hours=8, actor=_session(door, "bob"))
    for wrong in ({"members": []}, {"members": members * 2}, {"members": [uuid4()]}, {"turn_hours": 0}):
        with pytest.raises(Invalid):
            rotas.save(**{**terms, "members": members, "turn_hours": 8, **wrong}, actor=door.admin)
    with pytest.raises(Invalid, match="nobody"):
        rotas.members_named(door.workspace.id, ["nobody"])
