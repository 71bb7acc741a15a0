from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals.models import ApprovalRequest
from approvals.types import State, Verdict
from connectors import gateway
from connectors.calls import CallState
from connectors.models import CallAttempt, ToolCall
from tenants import payloads
from tests import gateway_ground as ground
from tests.stand_ins import StandIns


def test_read_is_decided_sent_and_settled(ready: SimpleNamespace, vendors: StandIns) -> None:
    sys_id = vendors.incident(short_description="VPN down")
    spec = ground.spec_for(ready, "servicenow.incident.get", "servicenow", {"sys_id": sys_id})
    done = ground.go(ready, spec)
    assert done.state is CallState.SUCCEEDED, done
    assert done.output is not None
    assert done.output["short_description"] == "VPN down"


def test_write_waits_for_approval_and_is_then_done_once(
    ready: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]
) -> None:
    sys_id = vendors.incident()
    spec = ground.spec_for(ready, "servicenow.incident.update", "servicenow", ground.update_args(sys_id))
    waiting = ground.go(ready, spec)
    assert waiting.state is CallState.WAITING_APPROVAL, waiting
    assert ground.writes(vendors) == []
    approve(ready, waiting.request_id)
    done = gateway.advance(call_id=waiting.call_id, actor=ground.worker(ready))
    assert done.state is CallState.SUCCEEDED, done
    again = gateway.advance(call_id=waiting.call_id, actor=ground.worker(ready))
    assert again == done
    assert len(ground.writes(vendors)) == 1
    with transaction.atomic():
        assert ApprovalRequest.objects.get(pk=waiting.request_id).state == State.CONSUMED
        assert CallAttempt.objects.filter(call_id=done.call_id).count() == 1


def test_the_approver_is_shown_the_diff_and_the_exact_undo(ready: SimpleNamespace, vendors: StandIns) -> None:
    sys_id = vendors.incident(category="inquiry")
    spec = ground.spec_for(ready, "servicenow.incident.update", "servicenow", ground.update_args(sys_id))
    waiting = ground.go(ready, spec)
    with transaction.atomic():
        shown = payloads.get_json(ApprovalRequest.objects.get(pk=waiting.request_id).display_digest)
    changed = {line["field"]: (line["before"].lower(), line["after"]) for line in shown["changes"]}
    assert changed["category"][1] == "network"
    assert shown["undo"]["recipe"]["tool"] == "servicenow.incident.restore"
    assert shown["undo"]["recipe"]["args"]["fields"]["category"] == {"before": "inquiry", "written": "network"}
    assert any("work note" in text for text in shown["undo"]["cannot"])
    assert shown["reason"][0]["code"] == "write_needs_approval"


def test_rejected_call_is_closed_and_nothing_is_sent(
    ready: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]
) -> None:
    spec = ground.spec_for(ready, "servicenow.incident.update", "servicenow", ground.update_args(vendors.incident()))
    waiting = ground.go(ready, spec)
    approve(ready, waiting.request_id, Verdict.REJECT)
    done = gateway.advance(call_id=waiting.call_id, actor=ground.worker(ready))
    assert done.state is CallState.REJECTED
    assert ground.writes(vendors) == []


def test_target_changed_after_the_proposal_is_a_conflict_and_nothing_is_overwritten(
    ready: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]
) -> None:
    sys_id = vendors.incident(category="inquiry")
    spec = ground.spec_for(ready, "servicenow.incident.update", "servicenow", ground.update_args(sys_id))
    waiting = ground.go(ready, spec)
    vendors.ctl("edit", {"sys_id": sys_id, "changes": {"category": "hardware"}})
    approve(ready, waiting.request_id)
    done = gateway.advance(call_id=waiting.call_id, actor=ground.worker(ready))
    assert (done.state, done.code) == (CallState.CONFLICT, "conflict")
    assert ground.writes(vendors) == []


def test_forbidden_field_is_denied_by_policy(ready: SimpleNamespace, vendors: StandIns) -> None:
    args = ground.update_args(vendors.incident(), state="2")
    done = ground.go(ready, ground.spec_for(ready, "servicenow.incident.update", "servicenow", args))
    assert (done.state, done.code) == (CallState.DENIED, "forbidden_field")
    assert ground.writes(vendors) == []


def test_undo_restores_the_record_and_is_labelled_by_a_fresh_read(
    ready: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]
) -> None:
    sys_id = vendors.incident(category="inquiry")
    spec = ground.spec_for(ready, "servicenow.incident.update", "servicenow", ground.update_args(sys_id))
    waiting = ground.go(ready, spec)
    approve(ready, waiting.request_id)
    gateway.advance(call_id=waiting.call_id, actor=ground.worker(ready))
    undone = gateway.compensate(call_id=waiting.call_id, actor=ground.worker(ready))
    assert (undone.state, undone.label) == (CallState.SUCCEEDED, "RESTORED"), undone
    assert vendors.ctl(f"state?sys_id={sys_id}", method="GET")["record"]["category"] == "inquiry"
    assert gateway.compensate(call_id=waiting.call_id, actor=ground.worker(ready)) == undone
    assert len(ground.writes(vendors)) == 2


def test_foreign_change_stops_the_undo_as_a_conflict(
    ready: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]
) -> None:
    sys_id = vendors.incident(category="inquiry")
    spec = ground.spec_for(ready, "servicenow.incident.update", "servicenow", ground.update_args(sys_id))
    waiting = ground.go(ready, spec)
    approve(ready, waiting.request_id)
    gateway.advance(call_id=waiting.call_id, actor=ground.worker(ready))
    vendors.ctl("edit", {"sys_id": sys_id, "changes": {"category": "hardware"}})
    undone = gateway.compensate(call_id=waiting.call_id, actor=ground.worker(ready))
    assert (undone.state, undone.label) == (CallState.CONFLICT, "CONFLICT")
    assert vendors.ctl(f"state?sys_id={sys_id}", method="GET")["record"]["category"] == "hardware"


def test_the_same_key_is_one_call_and_another_action_under_it_is_refused(
    ready: SimpleNamespace, vendors: StandIns
) -> None:
    sys_id = vendors.incident()
    spec = ground.spec_for(ready, "servicenow.incident.get", "servicenow", {"sys_id": sys_id})
    service = ground.service_actor(ready)
    first = gateway.propose(spec=spec, actor=service)
    assert gateway.propose(spec=spec, actor=service).call_id == first.call_id
    other = ground.spec_for(ready, spec.tool, "servicenow", {"sys_id": "0" * 32}, idempotency_key=spec.idempotency_key)
    from connectors.gateway.errors import KeyReused

    with pytest.raises(KeyReused):
        gateway.propose(spec=other, actor=service)
    with transaction.atomic():
        assert ToolCall.objects.filter(idempotency_key=spec.idempotency_key).count() == 1
