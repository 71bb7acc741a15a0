"""A dry run reads and asks the policy for real; a write of it has no way to the outside, whoever tries."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from approvals.models import ApprovalRequest
from connectors import gateway
from connectors.calls import CallState
from connectors.gateway import decision, dispatch, proposal
from connectors.gateway.errors import DryRunWrites
from connectors.gateway.marks import Mark
from connectors.models import CallAttempt, History, ToolCall
from controlplane.lib import clock
from metering.models import Reservation
from policies.types import Effect
from tests import gateway_ground as ground
from tests.stand_ins import StandIns


@pytest.fixture
def write(ready: SimpleNamespace, vendors: StandIns) -> Any:
    sys_id = vendors.incident(category="inquiry")
    return ground.spec_for(ready, "servicenow.incident.update", "servicenow", ground.update_args(sys_id))


def nothing_happened(vendors: Any) -> None:
    assert vendors.ledger(origin="api") == []
    with transaction.atomic():
        assert not ApprovalRequest.objects.exists()
        assert not Reservation.objects.exists()
        assert not ToolCall.objects.filter(kind="write").exists()


def test_an_examined_write_shows_all_that_would_happen_and_does_nothing(ready: Any, vendors: Any, write: Any) -> None:
    seen = gateway.examine(spec=write, actor=ground.service_actor(ready))
    assert (seen.effect, [reason.code for reason in seen.reasons]) == (Effect.REQUIRE_HITL, ["write_needs_approval"])
    assert seen.approval == {"tier": "standard", "expires_s": 3600}
    changes = {change.field: (change.before, change.after) for change in seen.preview.changes}
    assert changes["category"] == ("Inquiry / Help", "network")
    assert seen.undo["summary"].startswith("Put back category")
    assert seen.undo["cannot"]
    assert seen.cost_micros == 0
    nothing_happened(vendors)


def test_what_the_dry_run_read_is_marked_and_told_to_the_ticket(ready: Any, vendors: Any, write: Any) -> None:
    gateway.examine(spec=write, actor=ground.service_actor(ready))
    with transaction.atomic():
        (read,) = ToolCall.objects.all()
        assert (read.kind, read.dry_run, read.state) == ("read", True, CallState.SUCCEEDED)
        (row,) = History.objects.all()
        assert (row.subject, row.writes, row.tools) == (f"ticket:{write.ticket.casefold()}", 0, {})
        record = f"servicenow/incident/{write.args['sys_id']}"
        assert row.data_classes == {"internal": [record], "personal": [record]}


def test_a_write_of_a_dry_run_is_not_proposed(ready: Any, vendors: Any, write: Any) -> None:
    with pytest.raises(DryRunWrites):
        gateway.propose(spec=replace(write, dry_run=True), actor=ground.service_actor(ready))
    nothing_happened(vendors)


def test_the_database_keeps_no_write_of_a_dry_run(ready: Any, write: Any) -> None:
    with transaction.atomic():
        row = proposal.sketch(spec=replace(write, dry_run=True), actor=ground.service_actor(ready))
    with pytest.raises(IntegrityError, match="call_of_dry_run_writes_nothing"), transaction.atomic():
        row.save(force_insert=True)


def test_a_proposed_write_does_not_become_one_of_a_dry_run(ready: Any, write: Any) -> None:
    proposed = gateway.propose(spec=write, actor=ground.service_actor(ready))
    with pytest.raises(IntegrityError), transaction.atomic():
        ToolCall.objects.filter(pk=proposed.call_id).update(dry_run=True)


def test_dispatch_itself_refuses_a_write_of_a_dry_run(ready: Any, vendors: Any, write: Any) -> None:
    """Somebody hands the last door a ruling that allows the write: nothing leaves, nothing is intended."""
    me = ground.service_actor(ready)
    with transaction.atomic():
        call = proposal.sketch(spec=replace(write, dry_run=True), actor=me)
        ruling = decision.settled_ruling(call, me)
    allowed = replace(ruling, decision=replace(ruling.decision, effect=Effect.ALLOW))
    with pytest.raises(dispatch.DispatchRefused) as refused:
        dispatch._intend(call, allowed, clock.monotonic(), me)
    assert (refused.value.state, refused.value.code) == (CallState.DENIED, "dry_run_writes_nothing")
    nothing_happened(vendors)
    with transaction.atomic():
        assert not CallAttempt.objects.exists()


def test_a_read_that_needs_a_person_asks_nobody(ready: Any, vendors: Any, write: Any) -> None:
    strict = """package interlock.packs.strict
import data.interlock.lib
findings contains {
    "effect": "REQUIRE_HITL", "code": "c", "rule": "r", "message": "m", "obligations": [lib.approval("standard", 60)]
} if input.resource.kind == "read"
"""
    ground.publish(ready, ready.admin, strict=ground.packs.PackSource(strict))
    seen = gateway.examine(spec=write, actor=ground.service_actor(ready))
    assert (seen.effect, seen.code) == (None, "observation_approval_needed")
    nothing_happened(vendors)


def test_what_was_planned_before_counts_like_history(ready: Any, write: Any) -> None:
    limit = """package interlock.packs.limit
findings contains {"effect": "DENY", "code": "enough", "rule": "r", "message": "m"} if input.context.writes_so_far > 0
"""
    ground.publish(ready, ready.admin, limit=ground.packs.PackSource(limit))
    me = ground.service_actor(ready)
    first = gateway.examine(spec=write, actor=me)
    second = gateway.examine(spec=replace(write, idempotency_key="k2"), actor=me, planned=Mark(writes=1))
    assert (first.effect, second.effect) == (Effect.REQUIRE_HITL, Effect.DENY)
