"""The approval card: hostile text stays text, buttons exist only while a click can decide."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.slack.blocks import HEADLINES, MOST_CHANGES, Standing, card, reject_modal

HOSTILE = "<!channel> <https://evil.test|Approve> *bold* `x` \u202e"


def display(**changed: Any) -> dict[str, Any]:
    return {
        "title": f"Update {HOSTILE}",
        "target": f"incident {HOSTILE}",
        "tool": "servicenow.incident.update@1.0.0",
        "changes": [{"field": "category", "label": HOSTILE, "before": "", "after": HOSTILE}],
        "unchanged": 13,
        "reason": [{"rule": "r", "message": HOSTILE, "code": "c"}],
        "undo": {"summary": HOSTILE, "recipe": {}, "cannot": [HOSTILE]},
        "risk": "medium",
        "data_classes": ["internal"],
        "cost_so_far_micros": 0,
        "requested_by": HOSTILE,
        "run_id": "r",
        "ticket": HOSTILE,
        "observed_at": "2026-11-21T11:00:00+00:00",
        **changed,
    }


def made(state: str = "PENDING", *, in_console: bool = False, **changed: Any) -> list[dict[str, Any]]:
    url = "https://cp.test/approvals/1/"
    now = Standing(state, "request.digest", url, in_console, decided_by=HOSTILE, terms=HOSTILE, alike=[HOSTILE] * 5)
    return card(display(**changed), now)


def text_objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("type") in ("plain_text", "mrkdwn"):
            yield value
        for member in value.values():
            yield from text_objects(member)
    elif isinstance(value, list):
        for member in value:
            yield from text_objects(member)


def buttons(blocks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        button["action_id"]: button for block in blocks if block["type"] == "actions" for button in block["elements"]
    }


@pytest.mark.parametrize("state", HEADLINES)
def test_everything_shown_is_plain_text_within_slacks_limits(state: str) -> None:
    shown = list(text_objects(made(state, title="x" * 500, target="y" * 5000)))
    assert shown
    assert {one["type"] for one in shown} == {"plain_text"}
    assert all(1 <= len(one["text"]) <= 3000 for one in shown)
    assert "\u202e" not in json.dumps(shown, ensure_ascii=False)


def test_a_pending_card_has_buttons_that_name_the_request_and_what_was_shown() -> None:
    found = buttons(made())
    assert found["approve"]["value"] == found["reject"]["value"] == "request.digest"
    assert found["open_console"]["url"] == "https://cp.test/approvals/1/"


@pytest.mark.parametrize("state", [state for state in HEADLINES if state != "PENDING"])
def test_a_decided_card_has_no_buttons(state: str) -> None:
    assert buttons(made(state)) == {}


def test_a_request_that_needs_step_up_is_decided_in_the_console() -> None:
    assert set(buttons(made(in_console=True))) == {"open_console"}


def test_a_long_diff_says_how_much_is_not_shown() -> None:
    changes = [{"field": f"f{n}", "label": f"F{n}", "before": "a", "after": "b"} for n in range(MOST_CHANGES + 3)]
    blocks = made(changes=changes)
    assert any("3 more changes" in one["text"] for one in text_objects(blocks))
    assert len(blocks) <= 50


def test_the_reason_dialog_carries_the_same_value_as_the_buttons() -> None:
    assert reject_modal("request.digest")["private_metadata"] == "request.digest"
