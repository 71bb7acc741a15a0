from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from standardwebhooks.webhooks import Webhook

from connectors import inbound, ports, services
from connectors.models import ConnectorInstance, WebhookDelivery
from controlplane.lib import clock
from evidence.models import Event
from tenants import vault
from tenants.models import User

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"event": "incident.created", "sys_id": "abc", "score": 0.5}'


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[ports.Delivery]:
    seen: list[ports.Delivery] = []
    monkeypatch.setattr(ports.received, "_bound", seen.append)
    return seen


@pytest.fixture
def endpoint(bare: SimpleNamespace) -> services.NewEndpoint:
    vault.store(name="hook", secret=SECRET.encode(), actor=bare.admin)
    with transaction.atomic():
        service = User.objects.create(username="servicenow-webhook@a.test", kind=User.Kind.SERVICE)
        instance = ConnectorInstance.objects.get(name="servicenow")
    return services.create_endpoint(
        name="incidents",
        scheme="standard",
        environment_id=bare.environment.id,
        instance_id=instance.pk,
        service_id=service.pk,
        secret_ref="cred:hook",
        event="incident.created",
        actor=bare.admin,
    )


@pytest.fixture
def outside(endpoint: services.NewEndpoint) -> Iterator[None]:
    """A request comes without a scope: leave the one that the fixtures entered."""
    from tenants.scope import _tenant

    token = _tenant.set(None)
    yield
    _tenant.reset(token)


def _post(token: str, body: str = BODY, *, webhook_id: str = "msg_1", secret: str = SECRET, **headers: str) -> Any:
    now = clock.now()
    signature = Webhook(secret).sign(webhook_id, now, body)
    sent = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
        **headers,
    }
    return Client().post(f"/hooks/{token}", body, content_type="application/json", headers=sent)


@pytest.fixture
def count(bare: SimpleNamespace, in_scope: Callable[..., Any]) -> Callable[[], int]:
    def counted() -> int:
        with in_scope(bare.tenant):
            return WebhookDelivery.objects.count()

    return counted


@pytest.mark.usefixtures("outside")
def test_signed_delivery_is_kept_and_told_once(
    endpoint: services.NewEndpoint, told: list[ports.Delivery], count: Callable[[], int]
) -> None:
    first, again = _post(endpoint.token), _post(endpoint.token)
    assert (first.status_code, again.status_code) == (202, 202)
    assert (first.json()["duplicate"], again.json()["duplicate"]) == (False, True)
    assert first.json()["id"] == again.json()["id"]
    assert count() == 1
    assert [one.body["sys_id"] for one in told] == ["abc"]
    assert told[0].body["score"] == "0.5", "fractions come as text: there are no floats"
    assert told[0].sender.kind == "service"


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize(
    "forgery",
    [
        {"secret": "whsec_" + "A" * 32},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": "yesterday"},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-id": "msg.1"},
    ],
)
def test_forged_delivery_is_refused_and_leaves_nothing(
    endpoint: services.NewEndpoint, told: list[ports.Delivery], count: Callable[[], int], forgery: dict[str, str]
) -> None:
    secret = forgery.pop("secret", SECRET)
    answer = _post(endpoint.token, secret=secret, **forgery)
    assert answer.status_code == 401
    assert "sys_id" not in answer.content.decode()
    assert (count(), told) == (0, [])


@pytest.mark.usefixtures("outside")
def test_unknown_and_switched_off_doors_look_the_same(
    bare: SimpleNamespace, endpoint: services.NewEndpoint, told: list[ports.Delivery]
) -> None:
    missing = _post("no-such-token")
    from tenants import scope

    with scope.enter(bare.tenant.id):
        services.switch_endpoint(endpoint_id=endpoint.endpoint.pk, enabled=False, actor=bare.admin)
    closed = _post(endpoint.token)
    assert (missing.status_code, closed.status_code) == (404, 404)
    assert missing.content == closed.content
    assert told == []


@pytest.mark.usefixtures("outside")
def test_same_id_with_another_body_keeps_the_first_and_raises_the_alarm(
    bare: SimpleNamespace,
    endpoint: services.NewEndpoint,
    told: list[ports.Delivery],
    count: Callable[[], int],
    in_scope: Callable[..., Any],
) -> None:
    _post(endpoint.token)
    assert _post(endpoint.token, '{"sys_id": "other"}').status_code == 202
    assert (count(), len(told)) == (1, 1)
    with in_scope(bare.tenant):
        assert Event.objects.filter(type="webhook.body_changed").count() == 1


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize(("body", "status"), [("x" * (inbound.BODY_LIMIT + 1), 413), ("not json", 422), ("[1]", 422)])
def test_what_is_too_large_or_not_an_object_is_refused(
    endpoint: services.NewEndpoint, told: list[ports.Delivery], count: Callable[[], int], body: str, status: int
) -> None:
    assert _post(endpoint.token, body).status_code == status
    assert (count(), told) == (0, [])


@pytest.mark.usefixtures("outside")
def test_during_a_rotation_both_secrets_open(
    bare: SimpleNamespace, endpoint: services.NewEndpoint, told: list[ports.Delivery]
) -> None:
    from tenants import scope

    renewed = "whsec_" + "NewKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"
    with scope.enter(bare.tenant.id):
        vault.store(name="hook", secret=renewed.encode(), actor=bare.admin)
    assert _post(endpoint.token, webhook_id="a").status_code == 202
    assert _post(endpoint.token, webhook_id="b", secret=renewed).status_code == 202
    with scope.enter(bare.tenant.id):
        vault.forget_previous(ref="cred:hook", actor=bare.admin)
    assert _post(endpoint.token, webhook_id="c").status_code == 401
    assert len(told) == 2


@pytest.mark.usefixtures("outside")
def test_an_old_delivery_replayed_after_the_window_is_refused(
    endpoint: services.NewEndpoint, told: list[ports.Delivery]
) -> None:
    with clock.frozen(clock.now() - timedelta(minutes=6)):
        now = clock.now()
    sent = {
        "webhook-id": "old",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("old", now, BODY),
    }
    answer = Client().post(f"/hooks/{endpoint.token}", BODY, content_type="application/json", headers=sent)
    assert (answer.status_code, told) == (401, [])


@pytest.mark.usefixtures("outside")
def test_when_nobody_can_listen_the_delivery_is_not_taken_in(
    endpoint: services.NewEndpoint, monkeypatch: pytest.MonkeyPatch, count: Callable[[], int]
) -> None:
    def fail(_: ports.Delivery) -> None:
        raise RuntimeError("no workers")

    monkeypatch.setattr(ports.received, "_bound", fail)
    with pytest.raises(RuntimeError):
        _post(endpoint.token)
    assert count() == 0
