"""What a call is to say expires while it waits: it ends with a code, and nothing leaves."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals.models import ApprovalRequest
from approvals.types import State
from connectors import gateway
from connectors.calls import CallSpec, CallState, CallStatus
from connectors.models import ToolCall
from evidence.models import Event
from tenants.models import Payload
from tests import gateway_ground as ground
from tests.stand_ins import StandIns

GONE = (CallState.FAILED_PERMANENT, "payload_expired")


@transaction.atomic
def expire() -> None:
    Payload.objects.all().delete()


def advanced(side: SimpleNamespace, call: CallStatus) -> CallStatus:
    return gateway.advance(call_id=call.call_id, actor=ground.worker(side))


@pytest.fixture
def update(ready: SimpleNamespace, vendors: StandIns) -> CallSpec:
    args = ground.update_args(vendors.incident(category="inquiry"))
    return ground.spec_for(ready, "servicenow.incident.update", "servicenow", args)


def test_an_approved_write_whose_content_is_gone_fails_and_its_approval_is_void(
    ready: SimpleNamespace, vendors: StandIns, update: CallSpec, approve: Callable[..., Any]
) -> None:
    waiting = ground.go(ready, update)
    approve(ready, waiting.request_id)
    expire()
    found = advanced(ready, waiting)
    assert (found.state, found.code) == GONE
    assert ground.writes(vendors) == []
    with transaction.atomic():
        assert ApprovalRequest.objects.get(pk=waiting.request_id).state == State.VOIDED
        assert ToolCall.objects.get(pk=waiting.call_id).lease_until is None
        assert Event.objects.filter(type="tool.call.closed").count() == 1


def test_a_write_whose_content_is_gone_before_its_target_was_read_fails(
    ready: SimpleNamespace, vendors: StandIns, update: CallSpec
) -> None:
    proposed = gateway.propose(spec=update, actor=ready.admin)
    expire()
    found = advanced(ready, proposed)
    assert (found.state, found.code) == GONE
    assert [entry for entry in vendors.log() if "/__ctl" not in entry["path"]] == []
    assert advanced(ready, proposed).state is CallState.FAILED_PERMANENT, "and stays so"


def test_the_output_of_a_call_is_its_runs_and_goes_with_it(ready: SimpleNamespace, vendors: StandIns) -> None:
    spec = ground.spec_for(ready, "servicenow.incident.get", "servicenow", {"sys_id": vendors.incident()})
    done = ground.go(ready, spec)
    assert done.state is CallState.SUCCEEDED
    with transaction.atomic():
        digest = ToolCall.objects.get(pk=done.call_id).output_digest
        assert list(Payload.objects.filter(digest=digest).values_list("holder", flat=True)) == [spec.run_id]
