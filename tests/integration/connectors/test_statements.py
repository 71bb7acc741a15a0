"""How many statements a governed call may take: a guard of the gateway's speed that no slow machine can upset.

Savepoints do not count: a test runs inside a transaction, so that every transaction of the gateway is one here.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connectors.calls import CallState
from tests import gateway_ground as ground
from tests.stand_ins import StandIns

READ, WRITE = 102, 108


def _statements(work: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as seen:
        done = work()
    assert done.state is CallState.SUCCEEDED, done
    return sum(not (query["sql"] or "").startswith(("SAVEPOINT", "RELEASE")) for query in seen)


def _read(ready: SimpleNamespace, vendors: StandIns) -> Callable[[], Any]:
    args = {"sys_id": vendors.incident()}
    return lambda: ground.go(ready, ground.spec_for(ready, "servicenow.incident.get", "servicenow", args))


def _post(ready: SimpleNamespace) -> Callable[[], Any]:
    args = {"channel": ground.CHANNEL, "text": "It was routed."}
    return lambda: ground.go(ready, ground.spec_for(ready, "slack.message.post", "slack", args))


@pytest.mark.parametrize(("kind", "most"), [("read", READ), ("write", WRITE)])
def test_a_governed_call_takes_no_more_statements(
    ready: SimpleNamespace, vendors: StandIns, kind: str, most: int
) -> None:
    call = _read(ready, vendors) if kind == "read" else _post(ready)
    assert call().state is CallState.SUCCEEDED
    taken = _statements(call)
    assert taken <= most, f"{taken} statements, at most {most}"
