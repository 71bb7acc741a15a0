"""The circuit breaker on a real connector: what opens it, what it holds, what closes it, what is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from connectors import access, gateway
from connectors.calls import CallState
from connectors.circuits import THRESHOLD, CircuitState
from connectors.gateway import breaker
from connectors.models import Circuit
from controlplane.lib import clock
from evidence.models import Event
from tests import gateway_ground as ground
from tests.stand_ins import StandIns


def _read(side: SimpleNamespace, vendors: StandIns) -> Any:
    spec = ground.spec_for(side, "servicenow.incident.get", "servicenow", {"sys_id": vendors.incident()})
    return ground.go(side, spec)


def _circuit() -> Circuit:
    with transaction.atomic():
        return Circuit.objects.get()


def _told(kind: str) -> int:
    with transaction.atomic():
        return Event.objects.filter(type=kind).count()


@contextmanager
def _later(seconds: float) -> Iterator[None]:
    with clock.frozen(clock.now() + timedelta(seconds=seconds)):
        yield


@pytest.fixture
def opened(ready: SimpleNamespace, vendors: StandIns) -> SimpleNamespace:
    vendors.fault("status", times=THRESHOLD, args={"status": 503}, path="/api/now")
    for _ in range(THRESHOLD):
        assert _read(ready, vendors).state is CallState.FAILED_TRANSIENT
    return ready


def test_failures_in_a_row_open_it_and_nothing_more_is_sent(opened: SimpleNamespace, vendors: StandIns) -> None:
    requests = len(vendors.log("/api/now"))
    held = _read(opened, vendors)
    assert (held.state, held.code) == (CallState.THROTTLED, breaker.OPEN_CODE)
    assert held.retry_at == _circuit().next_try_at
    assert len(vendors.log("/api/now")) == requests
    assert _told("connector.circuit_opened") == 1


def test_another_instance_is_not_held(opened: SimpleNamespace, vendors: StandIns) -> None:
    args = {"channel": ground.CHANNEL, "text": "still here"}
    assert ground.go(opened, ground.spec_for(opened, "slack.message.post", "slack", args)).state is CallState.SUCCEEDED


def test_one_try_that_succeeds_closes_it_and_is_told(opened: SimpleNamespace, vendors: StandIns) -> None:
    with _later(16):
        assert _read(opened, vendors).state is CallState.SUCCEEDED
        assert _read(opened, vendors).state is CallState.SUCCEEDED
    closed = _circuit()
    assert (closed.state, closed.failures, closed.opened_at) == (CircuitState.CLOSED, 0, None)
    assert _told("connector.circuit_closed") == 1


def test_a_try_that_fails_holds_for_longer(opened: SimpleNamespace, vendors: StandIns) -> None:
    vendors.fault("status", args={"status": 503}, path="/api/now")
    with _later(16):
        assert _read(opened, vendors).state is CallState.FAILED_TRANSIENT
        held = _read(opened, vendors)
        assert held.retry_at is not None
        assert timedelta(seconds=29) < held.retry_at - clock.now() <= timedelta(seconds=30)
    assert _told("connector.circuit_opened") == 1, "it was open all the time"


def test_refusals_never_open_it(ready: SimpleNamespace, vendors: StandIns) -> None:
    for _ in range(THRESHOLD + 2):
        spec = ground.spec_for(ready, "servicenow.incident.get", "servicenow", {"sys_id": "0" * 32})
        assert ground.go(ready, spec).state is CallState.FAILED_PERMANENT
    assert _read(ready, vendors).state is CallState.SUCCEEDED
    with transaction.atomic():
        assert not Circuit.objects.exists()


def test_a_healthy_connector_never_writes_its_circuit(ready: SimpleNamespace, vendors: StandIns) -> None:
    assert _read(ready, vendors).state is CallState.SUCCEEDED
    with transaction.atomic():
        assert not Circuit.objects.exists()


def test_undoing_tries_while_forward_work_is_held(
    ready: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]
) -> None:
    args = ground.update_args(vendors.incident(category="inquiry"))
    write = ground.go(ready, ground.spec_for(ready, "servicenow.incident.update", "servicenow", args))
    approve(ready, write.request_id)
    assert gateway.advance(call_id=write.call_id, actor=ground.worker(ready)).state is CallState.SUCCEEDED
    vendors.fault("status", times=THRESHOLD, args={"status": 503}, path="/api/now")
    for _ in range(THRESHOLD):
        _read(ready, vendors)
    assert _read(ready, vendors).code == breaker.OPEN_CODE
    undone = gateway.compensate(call_id=write.call_id, actor=ground.worker(ready))
    assert (undone.state, undone.label) == (CallState.SUCCEEDED, "RESTORED"), undone
    assert _read(ready, vendors).state is CallState.SUCCEEDED, "what the undo found out holds for everybody"


def test_a_write_is_held_with_its_read_and_sent_when_the_circuit_closes(
    opened: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]
) -> None:
    spec = ground.spec_for(
        opened, "servicenow.incident.update", "servicenow", ground.update_args(vendors.incident(category="inquiry"))
    )
    held = ground.go(opened, spec)
    assert (held.state, held.code) == (CallState.THROTTLED, breaker.OPEN_CODE)
    assert held.retry_at == _circuit().next_try_at
    with _later(16):
        waiting = gateway.advance(call_id=held.call_id, actor=ground.worker(opened))
        assert waiting.state is CallState.WAITING_APPROVAL


def test_people_see_it_on_the_connectors_page(opened: SimpleNamespace, actor_of: Callable[..., Any]) -> None:
    with transaction.atomic():
        health = {each.instance.name: each for each in access.health(actor_of(opened.bob, opened.tenant))}
    assert health["servicenow"].state == "DOWN"
    assert (health["servicenow"].circuit.state, health["slack"].circuit.state) == ("open", "closed")


def test_a_read_that_fails_uses_up_a_try_of_the_write(ready: SimpleNamespace, vendors: StandIns) -> None:
    """Else a target that cannot be read would be asked every second, for ever."""
    spec = ground.spec_for(ready, "servicenow.incident.update", "servicenow", ground.update_args(vendors.incident()))
    vendors.fault("status", args={"status": 503, "headers": {"Retry-After": "40"}}, method="GET", path="/api/now")
    failed = ground.go(ready, spec)
    assert (failed.state, failed.code) == (CallState.FAILED_TRANSIENT, "observation_read_unusable_reply")
    assert failed.retry_at is not None
    assert timedelta(seconds=38) < failed.retry_at - clock.now() < timedelta(seconds=45)
    again = gateway.advance(call_id=failed.call_id, actor=ground.worker(ready))
    assert again.state is CallState.WAITING_APPROVAL
