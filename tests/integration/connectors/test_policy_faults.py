"""The fault matrix of policy: whatever is wrong, every call is denied, nothing is sent, and the record says why.

Judged by the stand-ins: what they were asked and what was changed there. (`tests/policy_faults.py` has the faults.)
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction

from connectors import gateway
from connectors.calls import CallSpec, CallState
from connectors.models import CallAttempt, ToolCall
from connectors.sandbox.servicenow import schema
from evidence.models import Event
from policies import active, freshness, point
from policies.models import DecisionRecord, Standing
from tests import gateway_ground as ground
from tests import ground as database
from tests import policy_faults as faults
from tests.stand_ins import StandIns

pytestmark = pytest.mark.faults

PAIR = {
    "user": schema.stable_id("sys_user", "dave.frost"),
    "group": schema.stable_id("sys_user_group", "Payroll Readers"),
}
KINDS = ("read", "write", "high")


@pytest.fixture
def side(bare: SimpleNamespace) -> SimpleNamespace:
    """Triage and access review in force; `told` is what the statement says, for servers that answer as ours would."""
    bare.packs = {"access_review": faults.review_pack()}
    ground.publish(bare, bare.admin, **bare.packs)
    with transaction.atomic():
        row = Standing.objects.get(environment=bare.environment)
    bare.told = freshness.read(row.statement, keys=point.keyring().trusted())
    return bare


def spec_of(kind: str, side: SimpleNamespace, vendors: StandIns) -> CallSpec:
    if kind == "read":
        return ground.spec_for(side, "servicenow.incident.get", "servicenow", {"sys_id": vendors.incident()})
    if kind == "write":
        args = ground.update_args(vendors.incident())
        return ground.spec_for(side, "servicenow.incident.update", "servicenow", args)
    review = {"workflow": "access-review", "workflow_version": "1.0.0"}
    return ground.spec_for(side, "servicenow.membership.remove", "servicenow", PAIR, **review)


def ready_to_go(kind: str, side: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]) -> UUID:
    """A call that would be sent at the next step: a read as proposed, a write observed and approved by a person."""
    proposed = gateway.propose(spec=spec_of(kind, side, vendors), actor=ground.service_actor(side))
    if kind != "read":
        waiting = gateway.advance(call_id=proposed.call_id, actor=ground.worker(side))
        assert waiting.state is CallState.WAITING_APPROVAL, waiting
        approve(side, waiting.request_id)
    return proposed.call_id


def verdict(call_id: UUID, side: SimpleNamespace, vendors: StandIns, fault: faults.Fault) -> str:
    """How the call ended under the fault: `denied as <code>` only if nothing was sent and the record says so."""
    asked, changed = len(vendors.log()), len(vendors.ledger())
    with fault(side):
        done = gateway.advance(call_id=call_id, actor=ground.worker(side))
    if (len(vendors.log()), len(vendors.ledger())) != (asked, changed):
        return f"SENT: {done}"
    return f"denied as {done.code}" if done.state is CallState.DENIED and _on_record(call_id, done.code) else str(done)


@transaction.atomic
def _on_record(call_id: UUID, code: str) -> bool:
    """No intent; a decision record that denies for this reason, the event of the decision, and that of the denial."""
    row = DecisionRecord.objects.get(pk=ToolCall.objects.get(pk=call_id).decision_id)
    denied = [e for e in Event.objects.filter(type="tool.call.denied") if str(call_id).encode() in bytes(e.body)]
    return (
        not CallAttempt.objects.filter(call_id=call_id).exists()
        and (row.call_id, row.effect, row.code) == (call_id, "DENY", code)
        and Event.objects.filter(pk=row.evidence_id, type="policy.decided").exists()
        and len(denied) == 1
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", faults.HEALTHY)
def test_the_same_stand_ins_in_good_health_let_the_call_through(
    name: str, kind: str, side: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]
) -> None:
    """Else the matrix would prove nothing."""
    call_id = ready_to_go(kind, side, vendors, approve)
    assert verdict(call_id, side, vendors, faults.HEALTHY[name]).startswith("SENT")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", faults.FAMILIES)
def test_whatever_is_wrong_the_call_is_denied_and_nothing_is_sent(
    family: str, kind: str, side: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]
) -> None:
    found = {}
    for name, (_, fault) in faults.FAMILIES[family].items():
        found[name] = verdict(ready_to_go(kind, side, vendors, approve), side, vendors, fault)
    assert found == {name: f"denied as {code}" for name, (code, _) in faults.FAMILIES[family].items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("bundle_missing", "DELETE FROM policies_standing"),
        ("bundle_invalid", "UPDATE policies_bundle SET content = overlay(content placing '\\x00' from 200 for 1)"),
    ],
)
def test_rows_that_are_changed_behind_our_back_deny(
    code: str,
    statement: str,
    kind: str,
    committed_db: str,
    side: SimpleNamespace,
    vendors: StandIns,
    approve: Callable[..., Any],
) -> None:
    call_id = ready_to_go(kind, side, vendors, approve)
    name = connection.settings_dict["NAME"]
    with psycopg.connect(database.superuser_dsn(name), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("ALTER TABLE policies_bundle DISABLE TRIGGER USER")
        admin.execute(statement)
    active._opened.clear()
    assert verdict(call_id, side, vendors, lambda _: point.replaced_by(point.current())) == f"denied as {code}"


def test_the_matrix_is_as_large_as_it_says() -> None:
    assert sum(map(len, faults.FAMILIES.values())) + 2 >= 60
