"""What a write would do, what must still stand, and what takes it back: as tables, without a server."""

from typing import Any

import pytest

from connectors.servicenow.incident import READ_FIELDS
from connectors.servicenow.restore import RestoreRecord
from connectors.servicenow.update import UpdateRecord
from connectors.slack.messages import PostMessage, UpdateMessage
from connectors.types import Observation

SYS_ID, GROUP = "9d385017c611228701d22104cc95c371", "287ebd7da9fe198100f92cc8d1d2154e"
UPDATE, RESTORE = UpdateRecord(), RestoreRecord()
ARGS = {
    "sys_id": SYS_ID,
    "fields": {"category": "network", "impact": "2", "urgency": "2", "assignment_group": GROUP},
    "work_note": "Routed. [code]<b>[/code]",
}


def incident(**changed: str) -> dict[str, Any]:
    raw = dict.fromkeys(READ_FIELDS, "") | {
        "sys_id": SYS_ID,
        "number": "INC0010023",
        "category": "inquiry",
        "impact": "3",
        "urgency": "3",
        "priority": "5",
        "state": "1",
        "active": "true",
        **changed,
    }
    return {**raw, "display": {**raw, "category": "Inquiry / Help"}, "names": {GROUP: "Network"}}


def test_the_observation_looks_up_the_names_of_references() -> None:
    wanted = {"sys_id": SYS_ID, "references": {"assignment_group": GROUP}}
    assert UPDATE.observe_spec(ARGS) == Observation("servicenow.incident.get", wanted)


def test_expected_values_cover_the_touched_and_the_guarded_fields() -> None:
    assert UPDATE.expect(ARGS, incident(assigned_to="a" * 32)) == {
        "active": "true",
        "assigned_to": "a" * 32,
        "assignment_group": "",
        "category": "inquiry",
        "impact": "3",
        "state": "1",
        "urgency": "3",
    }


def test_nothing_observed_means_nothing_expected() -> None:
    assert UPDATE.expect(ARGS, None) == {}


def test_the_preview_shows_names_levels_and_the_computed_priority() -> None:
    preview = UPDATE.preview(ARGS, incident())
    shown = {change.field: (change.before, change.after) for change in preview.changes}
    assert shown == {
        "assignment_group": ("", "Network"),
        "category": ("Inquiry / Help", "network"),
        "impact": ("3", "2 - Medium"),
        "urgency": ("3", "2 - Medium"),
        "priority": ("5", "3 - Moderate"),
        "work_notes": ("", "Routed. (code)<b>(/code)"),
    }
    assert preview.target == "incident INC0010023"
    assert preview.unchanged == len(READ_FIELDS) - 5


def test_a_reference_that_names_nothing_is_shown_as_unknown() -> None:
    preview = UPDATE.preview(ARGS, {**incident(), "names": {}})
    assert f"unknown record {GROUP}" in {change.after for change in preview.changes}


def test_the_planned_undo_restores_the_fields_that_change() -> None:
    recipe = UPDATE.undo(ARGS, incident(urgency="2"), None)
    assert recipe is not None
    assert recipe.tool == "servicenow.incident.restore"
    assert recipe.args == {
        "sys_id": SYS_ID,
        "fields": {
            "assignment_group": {"before": "", "written": GROUP},
            "category": {"before": "inquiry", "written": "network"},
            "impact": {"before": "3", "written": "2"},
        },
        "corrects": "",
        "reason": "",
    }
    assert recipe.expected == {"assignment_group": GROUP, "category": "network", "impact": "2"}
    assert len(recipe.cannot) == 3


def test_the_undo_after_the_write_covers_what_business_rules_changed_and_names_the_note() -> None:
    before = incident(assigned_to="a" * 32)
    after = incident(**ARGS["fields"], assigned_to="", state="2") | {"marker": "[interlock:1:2]"}
    recipe = UPDATE.undo(ARGS, before, after)
    assert recipe is not None
    assert recipe.args["fields"]["assigned_to"] == {"before": "a" * 32, "written": ""}
    assert recipe.args["fields"]["state"] == {"before": "1", "written": "2"}
    assert recipe.args["corrects"] == "[interlock:1:2]"


def test_a_note_only_update_is_undone_by_a_correction() -> None:
    recipe = UPDATE.undo({**ARGS, "fields": {}}, incident(), None)
    assert recipe is not None
    assert recipe.args["fields"] == {}
    assert "correcting work note" in recipe.summary


def test_without_a_before_image_there_is_no_undo() -> None:
    assert UPDATE.undo(ARGS, None, None) is None


def test_a_rollback_insists_on_what_was_written_and_has_no_undo() -> None:
    args = {"sys_id": SYS_ID, "fields": {"category": {"before": "inquiry", "written": "network"}}}
    assert RESTORE.expect(args, incident(category="other")) == {"category": "network"}
    assert RESTORE.undo(args, incident(), None) is None


def test_a_message_is_undone_by_a_correction_in_its_place() -> None:
    planned = PostMessage().undo({"channel": "C1", "text": "x"}, None, None)
    done = PostMessage().undo({"channel": "C1", "text": "x"}, None, {"channel": "C1", "ts": "1.2", "text": "x"})
    assert planned.args == {"channel": "C1", "text": done.args["text"]}
    assert done.args["ts"] == "1.2"
    assert done.tool == "slack.message.update"
    assert done.cannot


@pytest.mark.parametrize("blocks", [[], [{"type": "divider"}]])
def test_a_replaced_message_is_undone_by_its_earlier_content(blocks: list[dict[str, str]]) -> None:
    before = {"channel": "C1", "ts": "1.2", "text": "old", "blocks": blocks, "marker": ""}
    recipe = UpdateMessage().undo({"channel": "C1", "ts": "1.2", "text": "new"}, before, None)
    assert recipe is not None
    assert recipe.args == {"channel": "C1", "ts": "1.2", "text": "old", **({"blocks": blocks} if blocks else {})}
