"""Many workers at one call, and the kill switch among them: judged by the stand-ins' ledger."""

import itertools
import threading
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connections, transaction

from approvals import ports
from connectors import claims, gateway
from connectors import ports as connector_ports
from connectors.calls import CallState
from connectors.circuits import THRESHOLD
from connectors.gateway import clocks, sending
from connectors.models import CallAttempt, Circuit, ReconcileTask, ToolCall
from controlplane.lib.errors import Conflict
from evidence.models import Event
from tenants import halts, scope
from tenants.models import Halt
from tests import gateway_ground as ground
from tests.races.threads import at_once
from tests.stand_ins import StandIns

pytestmark = pytest.mark.races

WORKERS = 20


@pytest.fixture
def committed(committed_db: str, ready: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Calls are made without a run here, so nobody is woken by a decision."""
    monkeypatch.setattr(ports.decided, "_bound", lambda **_: None)
    return ready


def _in_scope(side: SimpleNamespace, work: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        with scope.enter(side.tenant.id):
            return work()

    return run


def test_twenty_workers_at_one_approved_call_make_one_effect(
    committed: SimpleNamespace,
    vendors: StandIns,
    approve: Callable[..., Any],
) -> None:
    args = ground.update_args(vendors.incident(category="inquiry"))
    call = ground.go(committed, ground.spec_for(committed, "servicenow.incident.update", "servicenow", args))
    approve(committed, call.request_id)
    engine = ground.worker(committed)
    at_once(_in_scope(committed, lambda: gateway.advance(call_id=call.call_id, actor=engine)), WORKERS)
    done = gateway.status(call_id=call.call_id)
    assert done.state is CallState.SUCCEEDED, done
    assert len(ground.writes(vendors)) == 1
    assert len(vendors.ledger(kind="note_appended", origin="api")) == 1
    with transaction.atomic():
        assert CallAttempt.objects.filter(call_id=call.call_id).count() == 1
        assert Event.objects.filter(type="approval.consumed").count() == 1


def test_the_last_places_of_a_connector_are_taken_once(
    committed: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.save_instance("servicenow", vendors, committed.admin, **ground.INSTANCES["servicenow"], max_in_flight=2)
    specs = iter([_read_of(committed, vendors) for _ in range(8)])
    all_there, real = threading.Barrier(8), sending.send

    def until_all_are_there(*args: Any, **kwargs: Any) -> Any:
        all_there.wait(60)
        return real(*args, **kwargs)

    def call() -> str:
        code = ground.go(committed, next(specs)).code
        if code:
            all_there.wait(60)
        return code

    monkeypatch.setattr(sending, "send", until_all_are_there)
    assert sorted(at_once(_in_scope(committed, call), 8)) == ["", "", *["connector_busy"] * 6]
    assert len(vendors.log("/api/now")) == 2


def _read_of(side: SimpleNamespace, vendors: StandIns) -> Any:
    return ground.spec_for(side, "servicenow.incident.get", "servicenow", {"sys_id": vendors.incident()})


def test_the_same_intention_proposed_by_twenty_is_one_call(
    committed: SimpleNamespace,
    vendors: StandIns,
) -> None:
    spec = ground.spec_for(committed, "servicenow.incident.get", "servicenow", {"sys_id": vendors.incident()})
    service = ground.service_actor(committed)
    seen = at_once(_in_scope(committed, lambda: gateway.propose(spec=spec, actor=service).call_id), WORKERS)
    assert len(set(seen)) == 1
    with transaction.atomic():
        assert ToolCall.objects.filter(idempotency_key=spec.idempotency_key).count() == 1


def test_after_a_halt_is_engaged_no_dispatch_commits(
    committed: SimpleNamespace,
    vendors: StandIns,
) -> None:
    """Workers send reads without pause; the halt comes in the middle."""
    sys_id = vendors.incident()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with scope.enter(committed.tenant.id):
                for _ in range(6):
                    spec = ground.spec_for(
                        committed, "servicenow.incident.get", "servicenow", {"sys_id": sys_id}, run_id=uuid.uuid4()
                    )
                    ground.go(committed, spec)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while not vendors.log("/api/now"):
        threading.Event().wait(0.05)
    halt = halts.engage(
        scope=halts.Scope(halts.Kind.TENANT), mode=Halt.Mode.FREEZE, reason="race", actor=committed.admin
    )
    for thread in threads:
        thread.join()
    assert failures == []
    with transaction.atomic():
        assert ToolCall.objects.filter(dispatched_at__lte=halt.engaged_at).exists()
        assert not ToolCall.objects.filter(dispatched_at__gt=halt.engaged_at).exists()
    assert [row for row in vendors.log("/api/now") if row["at"] > halt.engaged_at.timestamp() + 1] == []


def test_of_twenty_workers_at_an_open_circuit_one_tries(committed: SimpleNamespace, vendors: StandIns) -> None:
    """Failures at once are counted one by one and told as one opening; the one try fails, so nobody follows it."""
    sys_id = vendors.incident()

    def read() -> CallState:
        spec = ground.spec_for(committed, "servicenow.incident.get", "servicenow", {"sys_id": sys_id})
        return ground.go(committed, spec).state

    vendors.fault("status", times=2 * WORKERS, args={"status": 503}, path="/api/now")
    at_once(_in_scope(committed, read), WORKERS)
    with transaction.atomic():
        circuit = Circuit.objects.get()
        assert (circuit.state, circuit.trips) == ("open", 1)
        assert circuit.failures == THRESHOLD
        assert Event.objects.filter(type="connector.circuit_opened").count() == 1
        Circuit.objects.update(next_try_at=circuit.opened_at)
    before = len(vendors.log("/api/now"))
    states = at_once(_in_scope(committed, read), WORKERS)
    assert len(vendors.log("/api/now")) - before == 1
    assert sorted(states) == [CallState.FAILED_TRANSIENT] + [CallState.THROTTLED] * (WORKERS - 1)
    with transaction.atomic():
        assert (Circuit.objects.get().state, Circuit.objects.get().trips) == ("open", 2)
        assert Event.objects.filter(type="connector.circuit_opened").count() == 1


def test_of_twenty_answers_to_one_reconcile_task_one_wins(
    committed: SimpleNamespace,
    vendors: StandIns,
    approve: Callable[..., Any],
    actor_of: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half say that it landed, half that it did not: the call is settled once, told once, sent no second time."""
    heard: list[Any] = []
    monkeypatch.setattr(connector_ports.reconciled, "_bound", heard.append)
    args = ground.update_args(vendors.incident(category="inquiry"))
    call = ground.go(committed, ground.spec_for(committed, "servicenow.incident.update", "servicenow", args))
    approve(committed, call.request_id)
    vendors.fault("drop_before", method="PATCH", path="/api/now")
    engine = ground.worker(committed)
    gateway.advance(call_id=call.call_id, actor=engine)
    vendors.fault("status", times=len(clocks.PROBE_AFTER_S), method="GET", path="/api/now")
    for _ in clocks.PROBE_AFTER_S:
        gateway.probe(call_id=call.call_id, actor=engine)
    with transaction.atomic():
        task = ReconcileTask.objects.get(call_id=call.call_id)
    people = [actor_of(user, committed.tenant) for user in (committed.alice, committed.dana)]
    turns = itertools.count()

    def answer() -> str:
        turn = next(turns)
        said = ("landed", "not_landed")[turn % 2]
        try:
            claims.answer(task_id=task.pk, answer=said, note="seen", actor=people[turn % 2])
        except Conflict:
            return ""
        return said

    winners = [said for said in at_once(_in_scope(committed, answer), WORKERS) if said]
    assert len(winners) == 1
    with transaction.atomic():
        assert ReconcileTask.objects.get(pk=task.pk).answer == winners[0]
        assert Event.objects.filter(type="tool.call.resolved").count() == 1
    assert len(heard) == 1
    assert ground.writes(vendors) == []
