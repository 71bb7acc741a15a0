"""The page of notifications: a Slack user is linked in two steps of one session; wishes and rotas are kept."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from connectors.models import SlackIdentity
from connectors.people_models import NotificationPreference, Rota, SlackLinking
from connectors.sandbox import accounts
from connectors.slack import proposing
from controlplane.lib.errors import Forbidden
from tenants import scope
from tenants.models import User
from tests import slack_ground as slack
from tests.integration.connectors.conftest import (  # noqa: F401 - fixtures
    bare,
    ready,
    running_stand_ins,
    vendors,
)
from tests.stand_ins import StandIns

PAGE = "/o/a/notifications/"


@pytest.fixture
def people(signed_in: Any, ready: SimpleNamespace, vendors: StandIns) -> Any:  # noqa: F811 - fixtures
    """Sign people in beside a Slack that takes clicks; outside any scope, as requests come."""
    slack.furnish(ready, vendors)
    with slack.outside():
        yield signed_in


def test_a_person_links_and_unlinks_their_own_slack_user(
    people: Any,
    world: SimpleNamespace,
    vendors: StandIns,  # noqa: F811 - fixtures
) -> None:
    carol = people(world.a.carol)
    assert "your clicks in Slack decide nothing" in carol.get(PAGE).content.decode()
    body = {"member": "u0carol ", "team": accounts.SLACK_TEAM}
    assert carol.post(f"{PAGE}slack/", body).status_code == 302
    page = carol.get(PAGE)
    attempt = page.context["attempt"]
    assert _code(vendors) not in page.content.decode(), "the code is in Slack only"
    assert carol.post(f"{PAGE}slack/{attempt.pk}/", {"code": "WRONG234"}).status_code == 409
    assert people(world.a.dana).post(f"{PAGE}slack/{attempt.pk}/", {"code": _code(vendors)}).status_code == 404
    assert carol.post(f"{PAGE}slack/{attempt.pk}/", {"code": _code(vendors)}).status_code == 302
    linked = carol.get(PAGE).context["linked"]
    assert [one.slack_user_id for one in linked] == ["U0CAROL"]
    unlink = f"{PAGE}linked/{linked[0].pk}/unlink/"
    assert people(world.a.dana).post(unlink).status_code == 404
    assert carol.post(unlink).status_code == 302
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert not SlackIdentity.objects.filter(slack_user_id="U0CAROL").exists()


def test_an_email_address_proposes_a_slack_user_and_links_nothing(
    people: Any,
    world: SimpleNamespace,
    vendors: StandIns,  # noqa: F811 - fixtures
) -> None:
    User.objects.filter(pk=world.a.carol.pk).update(email="carol@acme.test")
    carol = people(world.a.carol)
    page = carol.post(f"{PAGE}slack/propose/", {"team": accounts.SLACK_TEAM})
    assert page.status_code == 200
    assert "carol@acme.test is <strong>Carol</strong> (<code>U0CAROL</code>)" in page.content.decode()
    assert 'value="U0CAROL"' in page.content.decode(), "the form is filled in"
    assert "D0CAROL" not in vendors.ctl("state", method="GET")["slack"]["channels"], "nothing was sent there"
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert not SlackIdentity.objects.filter(slack_user_id="U0CAROL").exists()
        assert not SlackLinking.objects.exists()


@pytest.mark.parametrize(("email", "status"), [("", 422), ("nobody@acme.test", 409)])
def test_where_slack_knows_nobody_nothing_is_proposed(
    people: Any, world: SimpleNamespace, email: str, status: int
) -> None:
    User.objects.filter(pk=world.a.carol.pk).update(email=email)
    answer = people(world.a.carol).post(f"{PAGE}slack/propose/", {"team": accounts.SLACK_TEAM})
    assert answer.status_code == status
    assert "member id" in answer.content.decode()


def test_only_a_session_is_given_a_proposal(people: Any, world: SimpleNamespace, actor_of: Any) -> None:
    User.objects.filter(pk=world.a.carol.pk).update(email="carol@acme.test")
    token = actor_of(world.a.carol, world.a.tenant, method="token")
    with scope.enter(world.a.tenant.id), pytest.raises(Forbidden):
        proposing.by_email(team_id=accounts.SLACK_TEAM, actor=token)


def _code(stand_ins: StandIns) -> str:
    letter = list(stand_ins.ctl("state", method="GET")["slack"]["channels"]["D0CAROL"].values())[-1]
    found = re.search(r"console: ([A-Z0-9]{8})", str(letter["blocks"]))
    assert found
    return found[1]


def test_wishes_and_a_rota_are_kept(people: Any, world: SimpleNamespace) -> None:
    bob, alice = people(world.a.bob), people(world.a.alice)
    wishes = {"direct": "always", "digest_hour": "8", "weekdays_only": "on", "timezone": "Europe/Zurich"}
    assert bob.post(PAGE, wishes).status_code == 302
    assert bob.post(PAGE, {**wishes, "timezone": "Mars"}).status_code == 422
    assert "The next digest comes" in bob.get(PAGE).content.decode()
    rota = {
        "workspace": str(world.a.workspace.id),
        "name": "itsm",
        "members": "bob@a.test, carol@a.test",
        "starts_at": "2026-01-01 08:00",
        "turn_hours": "24",
        "enabled": "on",
    }
    assert bob.post(f"{PAGE}rota/", rota).status_code == 403
    assert alice.post(f"{PAGE}rota/", {**rota, "members": "nobody"}).status_code == 422
    assert alice.post(f"{PAGE}rota/", rota).status_code == 302
    (now,) = bob.get(PAGE).context["on_call"]
    assert {now.label, now.next_label} == {"Bob", "Carol"}
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert Rota.objects.get().members == [str(world.a.bob.id), str(world.a.carol.id)]
        assert NotificationPreference.objects.get().digest_hour == 8
    assert people(world.charlie).get(PAGE).status_code == 404
