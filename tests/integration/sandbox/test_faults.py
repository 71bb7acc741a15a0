"""Each fault does at the vendor and on the wire what its name says."""

import time
from http.client import RemoteDisconnected

import pytest

SYS = "/servicenow/api/now/table/incident"


@pytest.mark.parametrize(("kind", "lands"), [("drop_before", False), ("drop_after", True)])
def test_a_dropped_reply_may_hide_a_write(stand_ins, basic, kind, lands):
    sys_id = stand_ins.incident()
    stand_ins.fault(kind, method="PATCH", path=sys_id)
    with pytest.raises(RemoteDisconnected):
        stand_ins.send("PATCH", f"{SYS}/{sys_id}", {"impact": "1"}, basic)
    assert len(stand_ins.ledger(kind="field_update")) == lands
    assert [row["status"] for row in stand_ins.log(sys_id)] == [0]


def test_a_500_after_commit_hides_a_write_too(stand_ins, basic):
    sys_id = stand_ins.incident()
    stand_ins.fault("500_after", method="PATCH")
    status, _, body = stand_ins.send("PATCH", f"{SYS}/{sys_id}", {"impact": "1"}, basic)
    assert (status, "Transaction cancelled" in body["error"]["message"]) == (500, True)
    assert len(stand_ins.ledger(kind="field_update")) == 1


@pytest.mark.parametrize(("kind", "status"), [("429", 429), ("status", 503), ("html", 200)])
def test_refusals_write_nothing(stand_ins, basic, kind, status):
    sys_id = stand_ins.incident()
    stand_ins.fault(kind, method="PATCH")
    assert stand_ins.send("PATCH", f"{SYS}/{sys_id}", {"impact": "1"}, basic)[0] == status
    assert stand_ins.ledger(kind="field_update") == []


def test_a_fault_matches_by_parts_of_the_body_and_strikes_as_often_as_told(stand_ins, basic):
    sys_id = stand_ins.incident()
    stand_ins.fault("status", times=2, contains=["impact", "1"], args={"status": 418, "body": {"tea": "pot"}})
    answers = [stand_ins.send("PATCH", f"{SYS}/{sys_id}", {"impact": "1"}, basic)[0] for _ in range(3)]
    assert answers == [418, 418, 200]
    assert stand_ins.send("PATCH", f"{SYS}/{sys_id}", {"urgency": "2"}, basic)[0] == 200


def test_truncate_gives_broken_json_and_slow_takes_its_time(stand_ins, basic):
    sys_id = stand_ins.incident()
    stand_ins.fault("truncate", path=sys_id)
    with pytest.raises(ValueError):
        stand_ins.send("GET", f"{SYS}/{sys_id}", headers=basic)
    stand_ins.fault("slow", path=sys_id, args={"seconds": 0.2})
    started = time.monotonic()
    assert stand_ins.send("GET", f"{SYS}/{sys_id}", headers=basic)[0] == 200
    assert time.monotonic() - started >= 0.2


def test_an_unknown_fault_is_refused(stand_ins):
    assert stand_ins.send("POST", "/__ctl/faults", {"kind": "gremlin"})[0] == 400


def test_reset_forgets_records_effects_and_faults(stand_ins, basic):
    stand_ins.incident()
    stand_ins.fault("html")
    stand_ins.ctl("reset", {})
    assert stand_ins.ledger() == []
    assert stand_ins.send("GET", SYS, headers=basic)[2] == {"result": []}
