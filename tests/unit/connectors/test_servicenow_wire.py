"""What answers of the Table API prove. A 5xx, HTML or half a body prove nothing."""

from datetime import UTC, datetime

import pytest

from connectors.errors import ReplyLost
from connectors.manifests.document import builtin_documents
from connectors.servicenow import wire
from connectors.servicenow.incident import READ_FIELDS
from controlplane.lib import clock


def error(message: str, detail: str = "") -> dict[str, object]:
    return {"error": {"message": message, "detail": detail}, "status": "failure"}


ACL = error("Operation Failed", "ACL Exception Update Failed due to security constraints")
RULE = error("Operation Failed", "Operation against file 'incident' was aborted by Business Rule 'Closed is read only'")

REFUSALS = [
    (400, error("Invalid table x"), "invalid_request"),
    (401, error("User Not Authenticated", "Required to provide Auth information"), "auth_failed"),
    (403, ACL, "forbidden"),
    (403, RULE, "refused_by_rule"),
    (403, error("Operation Failed", "Data Policy Exception: Assignment group is mandatory"), "refused_by_data_policy"),
    (404, error("No Record found"), "not_found"),
    (405, error("Method not allowed"), "invalid_request"),
    (415, error("Unsupported"), "invalid_request"),
]


@pytest.mark.parametrize(("status", "body", "code"), REFUSALS)
def test_a_documented_error_is_a_permanent_refusal(status: int, body: dict[str, object], code: str) -> None:
    failed = wire.refusal(status, {}, body)
    assert failed is not None
    assert (failed.permanent, failed.code) == (True, code)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 418])
def test_a_server_error_proves_nothing(status: int) -> None:
    assert wire.refusal(status, {}, error("Transaction cancelled: maximum execution time exceeded")) is None


@pytest.mark.parametrize("body", [None, {}, {"error": "text"}, {"result": {}}])
def test_a_status_without_servicenows_own_error_proves_nothing(body: dict[str, object] | None) -> None:
    assert wire.refusal(403, {}, body) is None


RESET = datetime(2026, 11, 21, 11, 0, 30, tzinfo=UTC)
WAITS = [
    ({"retry-after": "12"}, 12.0),
    ({"retry-after": "99999"}, 3600.0),
    ({"x-ratelimit-reset": str(int(RESET.timestamp()))}, 30.0),
    ({"x-ratelimit-reset": "1"}, 1.0),
    ({}, wire.DEFAULT_BACKOFF_S),
    ({"retry-after": "soon"}, wire.DEFAULT_BACKOFF_S),
    ({"retry-after": "-3"}, wire.DEFAULT_BACKOFF_S),
]


@pytest.mark.parametrize(("headers", "seconds"), WAITS)
def test_a_rate_limit_says_how_long_to_wait(headers: dict[str, str], seconds: float) -> None:
    with clock.frozen(datetime(2026, 11, 21, 11, 0, 0, tzinfo=UTC)):
        failed = wire.refusal(429, headers, error("Rate limit exceeded"))
    assert failed is not None
    assert (failed.permanent, failed.code, failed.retry_after_s) == (False, "rate_limited", seconds)


UNUSABLE = [
    (200, None),
    (200, {"result": []}),
    (200, {"result": {"sys_id": "x"}, "error": {"message": "Transaction cancelled"}}),
    (302, {"result": {}}),
    (500, {"result": {}}),
]


@pytest.mark.parametrize(("status", "body"), UNUSABLE)
def test_what_is_not_a_whole_record_is_a_lost_reply(status: int, body: dict[str, object] | None) -> None:
    with pytest.raises(ReplyLost):
        wire.record(status, body)


def test_an_empty_reference_is_an_empty_value() -> None:
    cells = wire.record(
        200,
        {
            "result": {
                "assignment_group": "",
                "priority": {"value": "3", "display_value": "3 - Moderate"},
                "assigned_to": {"value": None, "display_value": None},
            }
        },
    )
    assert wire.raw(cells, ("assignment_group", "priority", "assigned_to")) == {
        "assignment_group": "",
        "priority": "3",
        "assigned_to": "",
    }


def test_dropped_fields_are_named() -> None:
    cells = wire.record(200, {"result": {"sys_id": "x"}})
    assert wire.missing(cells, ("sys_id", "urgency", "impact")) == "impact, urgency"


def test_every_field_that_may_be_written_is_read_before():
    update = next(t for t in _servicenow()["tools"] if t["tool"] == "servicenow.incident.update")
    writable = update["args_schema"]["properties"]["fields"]["properties"]
    assert set(writable) <= set(READ_FIELDS)


def test_every_field_that_is_read_is_in_the_manifest():
    got = next(t for t in _servicenow()["tools"] if t["tool"] == "servicenow.incident.get")
    assert set(READ_FIELDS) <= set(got["output_schema"]["properties"])


def _servicenow() -> dict:
    return next(document for document in builtin_documents() if document["name"] == "servicenow")
