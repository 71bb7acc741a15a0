"""The Table API stand-in over real HTTP, and the vendor's community client unchanged."""

import json

import pysnow
import pytest
import requests

from connectors.sandbox import accounts
from tests.stand_ins import StandIns

TABLE = "/servicenow/api/now/table/incident"


def one(stand_ins: StandIns, basic: dict[str, str], sys_id: str, mode: str = "false") -> dict:
    status, _, body = stand_ins.send("GET", f"{TABLE}/{sys_id}?sysparm_display_value={mode}", headers=basic)
    assert status == 200
    return body["result"]


def patch(stand_ins: StandIns, basic: dict[str, str], sys_id: str, body: object) -> tuple[int, dict]:
    status, _, answer = stand_ins.send("PATCH", f"{TABLE}/{sys_id}", body, basic)
    return status, answer


def test_scalars_are_strings_and_an_empty_reference_is_an_empty_string(stand_ins, basic):
    record = one(stand_ins, basic, stand_ins.incident())
    assert record["assignment_group"] == ""
    assert record["sys_mod_count"] == "0"
    assert record["active"] == "true"
    assert record["priority"] == "5"


def test_display_value_all_gives_raw_and_human_and_a_link(stand_ins, basic):
    sys_id = stand_ins.incident()
    group = stand_ins.send("GET", "/servicenow/api/now/table/sys_user_group?sysparm_query=name=Network", headers=basic)
    patch(stand_ins, basic, sys_id, {"assignment_group": group[2]["result"][0]["sys_id"]})
    cell = one(stand_ins, basic, sys_id, "all")["assignment_group"]
    assert cell["display_value"] == "Network"
    assert cell["link"].endswith(cell["value"])
    assert one(stand_ins, basic, sys_id, "true")["priority"] == "5 - Planning"


@pytest.mark.parametrize(
    ("impact", "urgency", "priority"), [("1", "1", "1"), ("2", "2", "3"), ("1", "3", "3"), ("3", "3", "5")]
)
def test_priority_follows_impact_and_urgency(stand_ins, basic, impact, urgency, priority):
    sys_id = stand_ins.incident()
    patch(stand_ins, basic, sys_id, {"impact": impact, "urgency": urgency, "priority": "4"})
    assert one(stand_ins, basic, sys_id)["priority"] == priority


def test_a_patch_that_changes_nothing_is_no_write(stand_ins, basic):
    sys_id = stand_ins.incident(category="network")
    status, answer = patch(stand_ins, basic, sys_id, {"category": "network"})
    assert (status, answer["result"]["sys_mod_count"]) == (200, "0")
    assert stand_ins.ledger(kind="field_update") == []


def test_notes_append_and_read_back_only_as_display_value(stand_ins, basic):
    sys_id = stand_ins.incident()
    for text in ("first [interlock:a1]", "second"):
        patch(stand_ins, basic, sys_id, {"work_notes": text})
    assert one(stand_ins, basic, sys_id)["work_notes"] == ""
    shown = one(stand_ins, basic, sys_id, "all")
    assert shown["work_notes"]["display_value"].index("second") < shown["work_notes"]["display_value"].index("first")
    assert shown["sys_mod_count"]["value"] == "2"
    assert [row["markers"] for row in stand_ins.ledger(kind="note_appended")] == [["interlock:a1"], []]


def test_a_closed_incident_is_read_only(stand_ins, basic):
    sys_id = stand_ins.incident()
    patch(stand_ins, basic, sys_id, {"state": "7"})
    status, answer = patch(stand_ins, basic, sys_id, {"impact": "1", "work_notes": "late"})
    assert status == 403
    assert "Closed is read only" in answer["error"]["detail"]
    assert stand_ins.ledger(kind="note_appended") == []


def test_invalid_clauses_are_dropped_so_that_more_rows_come_back(stand_ins, basic):
    for _ in range(3):
        stand_ins.incident()
    status, headers, body = stand_ins.send(
        "GET", f"{TABLE}?sysparm_query=nonsense=1^stateLIKE1&sysparm_limit=2", headers=basic
    )
    assert (status, headers["x-total-count"], len(body["result"])) == (200, "3", 2)
    assert 'rel="next"' in headers["link"]


def test_queries_filter_order_and_walk_references(stand_ins, basic):
    for text in ("beta printer", "alpha printer", "gamma vpn"):
        stand_ins.incident(short_description=text)
    query = "short_descriptionLIKEprinter^caller_id.user_name=abel.tuter^ORDERBYshort_description"
    where = f"{TABLE}?sysparm_query={query}&sysparm_fields=short_description,caller_id.email,nothing"
    rows = stand_ins.send("GET", where, headers=basic)[2]["result"]
    assert [row["short_description"] for row in rows] == ["alpha printer", "beta printer"]
    assert set(rows[0]) == {"short_description", "caller_id.email"}


def test_an_empty_list_is_404_only_in_v1(stand_ins, basic):
    none = "?sysparm_query=number=INC9999999"
    assert stand_ins.send("GET", TABLE + none, headers=basic)[2] == {"result": []}
    assert stand_ins.send("GET", "/servicenow/api/now/v1/table/incident" + none, headers=basic)[0] == 404


def test_errors_have_the_vendors_words(stand_ins, basic):
    status, headers, body = stand_ins.send("GET", TABLE)
    assert (status, body["error"]["message"]) == (401, "User Not Authenticated")
    assert "BASIC" in headers["www-authenticate"]
    missing = stand_ins.send("GET", f"{TABLE}/{'0' * 32}", headers=basic)
    assert (missing[0], missing[2]["error"]["message"]) == (404, "No Record found")
    denied = stand_ins.send("POST", "/servicenow/api/now/table/sys_user", {"user_name": "x"}, basic)
    assert denied[2]["error"]["detail"] == "ACL Exception Insert Failed due to security constraints"
    assert stand_ins.send("GET", "/servicenow/api/now/table/x_foo", headers=basic)[0] == 400


def token(stand_ins: StandIns, **form: str) -> requests.Response:
    client = {"client_id": accounts.SERVICENOW_CLIENT_ID, "client_secret": accounts.SERVICENOW_CLIENT_SECRET}
    return requests.post(f"{stand_ins.url}/servicenow/oauth_token.do", data=client | form, timeout=5)


def test_client_credentials_give_a_token_that_expires(stand_ins):
    granted = token(stand_ins, grant_type="client_credentials").json()
    assert (granted["expires_in"], "refresh_token" in granted) == (1799, False)
    bearer = {"Authorization": f"Bearer {granted['access_token']}"}
    assert stand_ins.send("GET", TABLE, headers=bearer)[0] == 200
    stand_ins.ctl("clock", {"advance_s": 1800})
    assert stand_ins.send("GET", TABLE, headers=bearer)[0] == 401


def test_password_grant_can_be_refreshed_and_a_wrong_secret_gets_the_vendors_body(stand_ins):
    person = {"username": accounts.SERVICENOW_USER, "password": accounts.SERVICENOW_PASSWORD}
    granted = token(stand_ins, grant_type="password", **person).json()
    again = token(stand_ins, grant_type="refresh_token", refresh_token=granted["refresh_token"])
    assert again.json()["access_token"] != granted["access_token"]
    refused = token(stand_ins, grant_type="client_credentials", client_secret="wrong")
    assert (refused.status_code, refused.json()["error"]) == (401, "server_error")


def test_pysnow_runs_unchanged(stand_ins):
    session = requests.Session()
    session.auth = (accounts.SERVICENOW_USER, accounts.SERVICENOW_PASSWORD)
    client = pysnow.Client(host=f"127.0.0.1:{stand_ins.port}/servicenow", use_ssl=False, session=session)
    resource = client.resource(api_path="/table/incident")
    made = resource.create({"short_description": "From pysnow"}).one()
    fresh = client.resource(api_path="/table/incident")
    body = json.dumps({"category": "network", "work_notes": "routed [interlock:p1]"})
    written = fresh.request("PATCH", path_append=f"/{made['sys_id']}", data=body).one()
    assert (written["category"], written["sys_mod_count"]) == ("network", "1")
    read = client.resource(api_path="/table/incident").get(query={"number": made["number"]}, limit=2)
    assert read.one()["sys_updated_by"] == accounts.SERVICENOW_USER


def test_people_edit_records_and_a_quiet_script_moves_no_counter(stand_ins, basic):
    sys_id = stand_ins.incident()
    stand_ins.ctl("edit", {"sys_id": sys_id, "changes": {"category": "database"}})
    stand_ins.ctl("edit", {"sys_id": sys_id, "changes": {"category": "email"}, "quiet": True})
    record = one(stand_ins, basic, sys_id)
    assert (record["category"], record["sys_mod_count"], record["sys_updated_by"]) == ("email", "1", "beth.anglin")
    assert [row["origin"] for row in stand_ins.ledger(kind="field_update")] == ["person"]


def test_people_read_and_report_incidents_on_a_page(stand_ins):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"short_description=%3Cb%3EVPN&description=down"
    status, headers, _ = stand_ins.send("POST", "/servicenow/report", body, form)
    assert status == 303
    assert "&lt;b&gt;VPN" in stand_ins.send("GET", headers["location"])[2]
    assert "INC0010001" in stand_ins.send("GET", "/servicenow/")[2]
    assert [row["origin"] for row in stand_ins.ledger(kind="record_created")] == ["person"]
