"""Connectors in the admin: saved by their verbs, or not at all."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from connectors.models import ConnectorInstance, SlackIdentity
from tenants import scope
from tests import gateway_ground as ground

INSTANCE = {
    "name": "servicenow",
    "driver": "servicenow",
    "manifest_version": "1.0.0",
    "base_url": "https://acme.service-now.com",
    "config": '{"auth": "basic", "username": "svc"}',
    "credentials": '{"password": "cred:servicenow"}',
    "enabled": "on",
}
ROOT = "/o/a/admin/connectors"


@pytest.fixture
def admin(world: SimpleNamespace, client: Client) -> Client:
    ground.install_manifests()
    client.force_login(world.a.alice)
    return client


def _rows(world: SimpleNamespace, model: Any) -> list[Any]:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return list(model.objects.order_by("id"))


def test_an_instance_is_made_with_its_manifest_pinned_and_switched_off(admin: Client, world: SimpleNamespace) -> None:
    assert admin.post(f"{ROOT}/connectorinstance/add/", INSTANCE).status_code == 302
    [made] = _rows(world, ConnectorInstance)
    assert len(made.manifest_digest) == 64
    change = {name: value for name, value in INSTANCE.items() if name != "enabled"}
    assert admin.post(f"{ROOT}/connectorinstance/{made.pk}/change/", change).status_code == 302
    assert [(row.pk, row.enabled) for row in _rows(world, ConnectorInstance)] == [(made.pk, False)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"config": '{"auth": "magic"}'},
        {"credentials": '{"password": "hunter2"}'},
        {"credentials": '{"bot_token": "cred:x"}'},
        {"credentials": "{}"},
        {"manifest_version": "9.9.9"},
    ],
)
def test_an_instance_that_makes_no_sense_is_shown_back(
    admin: Client, world: SimpleNamespace, wrong: dict[str, str]
) -> None:
    assert admin.post(f"{ROOT}/connectorinstance/add/", {**INSTANCE, **wrong}).status_code == 200
    assert _rows(world, ConnectorInstance) == []


def test_no_instance_reaches_this_machine_where_the_installation_forbids_it(
    admin: Client, world: SimpleNamespace, settings: Any
) -> None:
    settings.INTERLOCK_ALLOW_LOOPBACK = False
    local = {**INSTANCE, "base_url": "http://127.0.0.1:8090", "allow_loopback": "on"}
    assert admin.post(f"{ROOT}/connectorinstance/add/", local).status_code == 200
    assert _rows(world, ConnectorInstance) == []


def test_a_slack_user_is_linked_to_a_person_of_the_tenant_only(admin: Client, world: SimpleNamespace) -> None:
    link = {"team_id": "T1", "slack_user_id": "U1"}
    page = f"{ROOT}/slackidentity/add/"
    assert admin.post(page, {**link, "user": str(world.charlie.id)}).status_code == 200
    assert _rows(world, SlackIdentity) == []
    assert admin.post(page, {**link, "user": str(world.a.bob.id)}).status_code == 302
    [identity] = _rows(world, SlackIdentity)
    unlink = f"{ROOT}/slackidentity/{identity.pk}/change/"
    assert admin.post(unlink, {"_verb": "Unlink"}).status_code == 302
    assert _rows(world, SlackIdentity) == []


def test_an_approver_manages_no_connector(world: SimpleNamespace, client: Client) -> None:
    client.force_login(world.a.bob)
    assert client.post(f"{ROOT}/connectorinstance/add/", INSTANCE).status_code == 403
    assert _rows(world, ConnectorInstance) == []


@pytest.mark.parametrize(
    "page", ["connectorinstance", "webhookendpoint", "slackidentity", "toolcall", "webhookdelivery"]
)
def test_connectors_and_calls_can_be_looked_at(admin: Client, page: str) -> None:
    assert admin.get(f"{ROOT}/{page}/").status_code == 200


def test_calls_are_never_edited(admin: Client) -> None:
    assert admin.post(f"{ROOT}/toolcall/add/", {}).status_code == 403
