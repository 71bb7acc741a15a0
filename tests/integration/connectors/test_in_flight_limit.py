"""At most so many forward calls of a connector instance are under way at a time; the others come again."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from connectors import gateway
from connectors.calls import CallState
from connectors.errors import ConfigInvalid
from connectors.gateway import sending
from connectors.models import ToolCall
from tests import gateway_ground as ground
from tests.stand_ins import StandIns


def _limited(side: SimpleNamespace, vendors: StandIns, most: int | None) -> None:
    ground.save_instance("servicenow", vendors, side.admin, **ground.INSTANCES["servicenow"], max_in_flight=most)


def _read(side: SimpleNamespace, vendors: StandIns) -> Any:
    args = {"sys_id": vendors.incident()}
    return ground.spec_for(side, "servicenow.incident.get", "servicenow", args)


def test_another_call_waits_while_one_is_under_way_and_goes_when_it_is_over(
    ready: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    _limited(ready, vendors, 1)
    seen, real = [], sending.context_for

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(sending, "context_for", real)
        seen.append(ground.go(ready, _read(ready, vendors)))
        return real(*args, **kwargs)

    monkeypatch.setattr(sending, "context_for", meanwhile)
    assert ground.go(ready, _read(ready, vendors)).state is CallState.SUCCEEDED
    (held,) = seen
    assert (held.state, held.code) == (CallState.THROTTLED, "connector_busy")
    assert len(vendors.log("/api/now")) == 1
    with transaction.atomic():
        ToolCall.objects.filter(pk=held.call_id).update(retry_at=None)
    assert gateway.advance(call_id=held.call_id, actor=ground.worker(ready)).state is CallState.SUCCEEDED


def test_no_limit_is_below_one(ready: SimpleNamespace, vendors: StandIns) -> None:
    with pytest.raises(ConfigInvalid, match="max_in_flight"):
        _limited(ready, vendors, 0)
