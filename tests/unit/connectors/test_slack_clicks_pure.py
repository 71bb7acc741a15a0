from typing import Any
from uuid import UUID

import pytest

from connectors.slack import blocks, clicks

REQUEST = UUID(int=5)
BODY: dict[str, Any] = {
    "api_app_id": "A1",
    "team": {"id": "T1"},
    "user": {"id": "U1", "team_id": "T1"},
    "channel": {"id": "C1"},
}
DISPLAY: dict[str, Any] = {
    "title": "Update incident <!channel>",
    "target": "incident INC1",
    "tool": "servicenow.incident.update@1.0.0",
    "changes": [{"field": "f", "label": f"Field {n}", "before": "", "after": "x"} for n in range(12)],
    "unchanged": 4,
    "reason": [{"rule": "r", "message": "A person must approve.", "code": "c"}],
    "undo": {"summary": "Put back f", "recipe": {}, "cannot": ["the note"]},
    "risk": "medium",
    "data_classes": ["internal", "pii"],
    "cost_so_far_micros": 31_900,
    "requested_by": "service",
    "on_behalf_of": "Alice",
    "blast_radius": "12 fields of one record at servicenow.",
    "ticket": None,
    "observed_at": "2026-11-21T10:00:00+00:00",
}


def test_clicker_is_the_slack_user_of_our_app_and_team() -> None:
    assert clicks.clicker(BODY, app_id="A1", team_id="T1") == clicks.Clicker("T1", "U1", "C1")


@pytest.mark.parametrize(
    "change",
    [
        {"api_app_id": "A2"},
        {"team": {"id": "T2"}},
        {"team": None},
        {"user": {"id": "U1", "team_id": "T2"}},
    ],
)
def test_clicks_of_other_apps_and_workspaces_are_not_ours(change: dict[str, Any]) -> None:
    with pytest.raises(clicks.NotOurs):
        clicks.clicker({**BODY, **change}, app_id="A1", team_id="T1")


@pytest.mark.parametrize(("app_id", "team_id"), [("", "T1"), ("A1", "")])
def test_an_instance_that_names_no_app_or_team_takes_no_click(app_id: str, team_id: str) -> None:
    with pytest.raises(clicks.NotOurs):
        clicks.clicker({**BODY, "api_app_id": app_id, "team": {"id": team_id}}, app_id=app_id, team_id=team_id)


@pytest.mark.parametrize(
    ("actions", "fresh"),
    [
        ([{"action_ts": "1000.5"}], True),
        ([], True),
        ([{"action_ts": "699"}], False),
        ([{"action_ts": "1301"}], False),
        ([{"action_ts": "1000"}, {"action_ts": "1"}], False),
        ([{"action_ts": "nan"}], False),
        ([{}], False),
    ],
)
def test_a_button_pressed_long_ago_is_not_fresh(actions: list[dict[str, str]], fresh: bool) -> None:
    assert clicks.fresh({"actions": actions}, 1000) is fresh


def test_a_dialogue_brings_back_what_it_was_given() -> None:
    place = clicks.Place("C1", "1.2", "[interlock:x]")
    assert clicks.brought(clicks.carried("v", place)) == ("v", place)


@pytest.mark.parametrize("body", [{}, {"channel": {"id": "C1"}}, {"message": {"ts": "1.2"}}, {"channel": None}])
def test_a_button_stands_in_a_message_of_a_channel(body: dict[str, Any]) -> None:
    with pytest.raises(clicks.NotOurs):
        clicks.place(body)


def test_choice_carries_request_and_digest() -> None:
    assert clicks.choice(f"{REQUEST}.abc") == clicks.Choice(REQUEST, "abc")


@pytest.mark.parametrize("value", ["", "abc", "1.2.3", f"x{REQUEST}.abc"])
def test_a_value_that_is_not_ours_is_refused(value: str) -> None:
    with pytest.raises(clicks.NotOurs):
        clicks.choice(value)


@pytest.mark.parametrize("view", [{}, {"state": None}, {"state": {"values": {"reason": {}}}}])
def test_missing_reason_reads_as_empty(view: dict[str, Any]) -> None:
    assert clicks.reason(view) == ""


def _card(state: str = "PENDING", *, step_up: bool = False) -> list[dict[str, Any]]:
    terms = "2 people must say yes"
    return blocks.card(DISPLAY, blocks.Standing(state, "v", "https://x.test", step_up, "1 of 2: Bob", terms))


def _texts(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        own = [node] if node.get("type") in {"plain_text", "mrkdwn"} else []
        return own + [found for value in node.values() for found in _texts(value)]
    return [found for item in node for found in _texts(item)] if isinstance(node, list) else []


def test_nothing_of_a_card_is_markup_and_nothing_is_too_long() -> None:
    texts = _texts(_card())
    assert {text["type"] for text in texts} == {"plain_text"}
    assert max(len(text["text"]) for text in texts) <= 2000


def test_a_card_shows_what_a_person_needs_to_decide() -> None:
    shown = " | ".join(text["text"] for text in _texts(_card()))
    for words in (
        "Asked by service · on behalf of Alice",
        "A person must approve. (r)",
        "risk medium",
        "12 fields of one record",
        "data: internal, pii · cost so far 0.0319 USD · target read 2026-11-21 10:00:00 UTC",
        "Undo: Put back f. Cannot be taken back: the note.",
        "4 other fields stay as they are",
        "2 people must say yes | 1 of 2: Bob",
    ):
        assert words in shown


def test_a_card_shows_ten_changes_and_counts_the_rest() -> None:
    shown = [text["text"] for text in _texts(_card())]
    assert sum(text.startswith("Field ") for text in shown) == 10
    assert any(text.startswith("2 more changes") for text in shown)


@pytest.mark.parametrize(
    ("state", "step_up", "buttons"),
    [
        ("PENDING", False, ["approve", "reject", "open_console"]),
        ("PENDING", True, ["open_console"]),
        *((state, False, []) for state in ("APPROVED", "REJECTED", "EXPIRED", "VOIDED", "WITHDRAWN", "CONSUMED")),
    ],
)
def test_only_what_is_pending_and_needs_no_step_up_is_decided_in_slack(
    state: str, step_up: bool, buttons: list[str]
) -> None:
    actions = [block for block in _card(state, step_up=step_up) if block["type"] == "actions"]
    assert [element["action_id"] for block in actions for element in block["elements"]] == buttons


def test_every_state_of_a_request_has_a_headline() -> None:
    from approvals.types import State

    assert set(blocks.HEADLINES) == {state.value for state in State}
