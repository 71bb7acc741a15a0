"""What is kept of the past: names only, as long as anything else of it is kept, and for the cost of no statement."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from connectors.calls import CallState, Lane
from connectors.errors import ConfigInvalid
from connectors.gateway import history, proposal
from connectors.gateway.errors import NotAnUndo
from connectors.models import ConnectorInstance, History
from controlplane.lib import clock
from policies.models import DecisionRecord
from tenants import payloads
from tests import gateway_ground as ground
from tests.stand_ins import StandIns


def _rows() -> dict[str, History]:
    with transaction.atomic():
        return {row.subject: row for row in History.objects.all()}


def _read(side: SimpleNamespace, vendors: StandIns, **changes: Any) -> Any:
    args = {"sys_id": vendors.incident(short_description="Abel Tuter is ill")}
    return ground.spec_for(side, "servicenow.incident.get", "servicenow", args, **changes)


def test_a_read_marks_run_and_ticket_at_its_dispatch_and_not_its_record(ready: Any, vendors: StandIns) -> None:
    vendors.fault("drop_before", path="/api/now")
    spec = _read(ready, vendors, ticket=" INC0042 ", ticket_id="ab" * 16)
    assert ground.go(ready, spec).state is CallState.FAILED_TRANSIENT
    rows = _rows()
    assert set(rows) == {f"run:{spec.run_id}", "ticket:inc0042", f"ticket:{'ab' * 16}"}
    record = f"servicenow/incident/{spec.args['sys_id']}"
    for row in rows.values():
        assert row.data_classes == {"internal": [record], "personal": [record]}
        assert (row.version, row.writes, row.tools, row.recent) == (1, 0, {spec.tool: 1}, [spec.tool])


def test_the_decision_is_told_what_the_history_says(ready: Any, vendors: StandIns) -> None:
    first = _read(ready, vendors)
    ground.go(ready, first)
    second = _read(ready, vendors, run_id=first.run_id, ticket=first.ticket)
    ground.go(ready, second)
    with transaction.atomic():
        asked = payloads.get_json(DecisionRecord.objects.order_by("-decided_at")[0].input_digest)
    told = {"writes": 0, "tools": {first.tool: 1}, "recent": [first.tool], "data_classes": ["internal", "personal"]}
    assert asked["context"]["history"] == {"run": told, "ticket": told}
    assert asked["context"]["carries"]["personal"] == [f"servicenow/incident/{first.args['sys_id']}"]
    assert asked["resource"]["record"] == f"servicenow/incident/{second.args['sys_id']}"
    assert asked["resource"]["brings"] == ["internal", "personal"]


def test_a_history_holds_no_content(ready: Any, vendors: StandIns) -> None:
    ground.go(ready, _read(ready, vendors))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(h)::text FROM connectors_history h")
        assert "Abel" not in "".join(text for (text,) in cursor.fetchall())


@pytest.mark.parametrize(("age", "kept"), [(history.KEPT_DAYS - 1, 2), (history.KEPT_DAYS + 1, 0)])
def test_a_history_is_forgotten_when_nothing_of_it_can_be_kept_any_longer(
    ready: Any, vendors: StandIns, age: int, kept: int
) -> None:
    ground.go(ready, _read(ready, vendors))
    with transaction.atomic():
        History.objects.update(touched_at=clock.now() - timedelta(days=age))
        assert history.forget() == 2 - kept
    assert len(_rows()) == kept


def test_the_history_of_a_call_is_read_once_and_written_once(ready: Any, vendors: StandIns) -> None:
    """One statement to decide, one to dispatch, and one look at the record when the answer is there."""
    ground.go(ready, _read(ready, vendors))
    with CaptureQueriesContext(connection) as seen:
        ground.go(ready, _read(ready, vendors))
    asked = [query["sql"] for query in seen if "connectors_history" in (query["sql"] or "")]
    assert [sql.partition(" ")[0] for sql in asked] == ["SELECT", "INSERT", "SELECT"]


def test_a_busy_channel_is_marked_once(ready: Any, vendors: StandIns) -> None:
    for _ in range(3):
        read = _read(ready, vendors)
        ground.go(ready, read)
        args = {"channel": ground.CHANNEL, "text": "It was routed."}
        post = ground.spec_for(ready, "slack.message.post", "slack", args, run_id=read.run_id, ticket=read.ticket)
        assert ground.go(ready, post).state is CallState.SUCCEEDED
    marked = _rows()[f"record:slack/channel/{ground.CHANNEL}"]
    assert (marked.version, marked.data_classes) == (1, {"personal": ["*"]})


def test_only_compensate_undoes(ready: Any, vendors: StandIns) -> None:
    spec = _read(ready, vendors, lane=Lane.COMPENSATION)
    with pytest.raises(NotAnUndo):
        proposal.propose(spec=spec, actor=ground.service_actor(ready))


def test_saving_an_instance_without_a_word_about_its_data_changes_nothing_about_it(
    ready: Any, vendors: StandIns
) -> None:
    spec = ground.INSTANCES["servicenow"]
    marked = {"tools": {"servicenow.incident.get": ["secret"]}}
    ground.save_instance("servicenow", vendors, ready.admin, **spec, classes=marked)
    ground.save_instance("servicenow", vendors, ready.admin, **spec)
    with transaction.atomic():
        assert ConnectorInstance.objects.get(name="servicenow").classes == marked
    with pytest.raises(ConfigInvalid, match="classes"):
        ground.save_instance("servicenow", vendors, ready.admin, **spec, classes={"tools": {"x": "secret"}})


def test_what_an_instance_says_of_a_tool_marks_its_reads_at_dispatch(ready: Any, vendors: StandIns) -> None:
    marked = {"tools": {"servicenow.incident.get": ["secret"]}}
    ground.save_instance("servicenow", vendors, ready.admin, **ground.INSTANCES["servicenow"], classes=marked)
    vendors.fault("drop_before", path="/api/now")
    spec = _read(ready, vendors)
    ground.go(ready, spec)
    assert set(_rows()[f"run:{spec.run_id}"].data_classes) == {"internal", "personal", "secret"}
