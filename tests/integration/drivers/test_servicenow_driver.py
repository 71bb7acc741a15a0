"""The ServiceNow driver on the wire. What happened is read from the stand-in's ledger, not from the driver."""

from types import SimpleNamespace
from typing import Any

import pytest

from connectors import registry
from connectors.errors import SendAborted
from connectors.sandbox import accounts
from connectors.sandbox.servicenow import schema
from connectors.types import CannotTell, Done, Failed, Label, Landed, NotLanded, NotSent, Unknown

GET = registry.verbs("servicenow", "servicenow.incident.get")
UPDATE: Any = registry.verbs("servicenow", "servicenow.incident.update")
RESTORE: Any = registry.verbs("servicenow", "servicenow.incident.restore")
CHOICES = registry.verbs("servicenow", "servicenow.choices.get")
NETWORK = schema.stable_id("sys_user_group", "Network")
PATCH = {"method": "PATCH", "path": "/api/now/table/incident"}


class Desk(SimpleNamespace):
    """One incident and the arguments of one update of it."""

    def observe(self) -> dict[str, Any]:
        outcome = GET.do(self.caller.context(), UPDATE.observe_spec(self.args).args, {})
        assert isinstance(outcome, Done), outcome
        return outcome.output

    def update(self, **context: Any) -> Any:
        return UPDATE.do(self.caller.context(**context), self.args, self.expected)

    def probe(self, **context: Any) -> Any:
        return UPDATE.probe(self.caller.context(**context), self.args, self.expected)

    def notes(self) -> list[str]:
        state = self.stand_ins.ctl(f"state?sys_id={self.sys_id}", method="GET")
        return [note["value"] for note in state["work_notes"]]

    def record(self) -> dict[str, str]:
        return self.stand_ins.ctl(f"state?sys_id={self.sys_id}", method="GET")["record"]

    def written(self) -> list[dict[str, Any]]:
        """Effects of our account on this incident."""
        return [row for row in self.stand_ins.ledger(vendor="servicenow", origin="api") if row["target"] == self.sys_id]

    def edit(self, **changes: str) -> None:
        self.stand_ins.ctl("edit", {"sys_id": self.sys_id, "changes": changes})


@pytest.fixture
def desk(stand_ins, caller) -> Desk:
    sys_id = stand_ins.incident(category="inquiry", impact="3", urgency="3")
    made = Desk(stand_ins=stand_ins, caller=caller("servicenow"), sys_id=sys_id)
    made.args = {
        "sys_id": sys_id,
        "fields": {"category": "network", "impact": "2", "urgency": "2", "assignment_group": NETWORK},
        "work_note": "Routed to Network. [code]<script>x</script>[/code]",
    }
    made.before = made.observe()
    made.expected = UPDATE.expect(made.args, made.before)
    return made


def test_an_update_is_one_patch_with_fields_and_note(desk: Desk) -> None:
    outcome = desk.update()
    assert isinstance(outcome, Done)
    assert (outcome.output["priority_before"], outcome.output["priority"]) == ("5", "3")
    assert outcome.output["deviations"] == []
    assert outcome.output["interleaved"] is False
    assert outcome.output["display"]["assignment_group"] == "Network"
    assert {name: desk.record()[name] for name in desk.args["fields"]} == desk.args["fields"]
    assert [row["method"] for row in desk.stand_ins.log("/api/now/table/incident/")].count("PATCH") == 1
    assert [(e.method, e.status) for e in outcome.wire][-2:] == [("GET", 200), ("PATCH", 200)]


def test_the_note_is_neutral_and_carries_the_marker(desk: Desk) -> None:
    desk.update()
    (note,) = desk.notes()
    assert "[code]" not in note
    assert note.endswith(desk.caller.context().marker)


def test_the_before_image_names_the_new_group(desk: Desk) -> None:
    assert desk.before["names"] == {NETWORK: "Network"}
    changes = {change.field: change.after for change in UPDATE.preview(desk.args, desk.before).changes}
    assert changes["assignment_group"] == "Network"


AMBIGUOUS = [
    ("drop_after", 1),
    ("drop_before", 0),
    ("500_after", 1),
    ("truncate", 1),
    ("html", 0),
    ("status", 0),
]


@pytest.mark.parametrize(("kind", "landed"), AMBIGUOUS)
def test_an_ambiguous_answer_is_unknown_and_the_probe_finds_the_truth(desk: Desk, kind: str, landed: int) -> None:
    desk.stand_ins.fault(kind, **PATCH)
    assert isinstance(desk.update(), Unknown)
    assert len(desk.notes()) == landed
    found = desk.probe()
    assert isinstance(found, Landed if landed else NotLanded)
    assert len(desk.notes()) == landed


def test_a_reply_after_the_deadline_is_unknown_and_landed(desk: Desk) -> None:
    desk.stand_ins.fault("hang_after", args={"seconds": 1}, **PATCH)
    outcome = desk.update(seconds=0.5)
    assert isinstance(outcome, Unknown)
    assert outcome.code == "timeout"
    found = desk.probe()
    assert isinstance(found, Landed)
    assert found.output["fields"] == desk.args["fields"]
    assert len(desk.notes()) == 1


def test_an_attempt_after_an_unseen_landing_writes_no_second_note(desk: Desk) -> None:
    desk.stand_ins.fault("drop_after", **PATCH)
    desk.update()
    outcome = desk.update()
    assert isinstance(outcome, Done)
    assert len(desk.notes()) == 1


def test_a_rate_limit_is_transient_with_the_vendors_wait(desk: Desk) -> None:
    desk.stand_ins.fault("429", args={"retry_after": 7}, **PATCH)
    outcome = desk.update()
    assert isinstance(outcome, Failed)
    assert (outcome.permanent, outcome.code, outcome.retry_after_s) == (False, "rate_limited", 7.0)
    assert desk.written() == []


@pytest.mark.parametrize("field", ["category", "state", "assigned_to"])
def test_a_foreign_change_since_the_proposal_is_a_conflict_and_nothing_is_sent(desk: Desk, field: str) -> None:
    someone = schema.stable_id("sys_user", "beth.anglin")
    desk.edit(**{field: {"category": "hardware", "state": "2", "assigned_to": someone}[field]})
    outcome = desk.update()
    assert isinstance(outcome, Failed)
    assert (outcome.permanent, outcome.code) == (True, "conflict")
    assert field in outcome.detail
    assert desk.written() == []


def test_somebody_elses_note_is_no_conflict(desk: Desk) -> None:
    desk.edit(work_notes="Called the user.")
    assert isinstance(desk.update(), Done)


def test_a_closed_incident_refuses_for_good(desk: Desk) -> None:
    desk.edit(state="7")
    desk.expected = UPDATE.expect(desk.args, desk.observe())
    outcome = desk.update()
    assert isinstance(outcome, Failed)
    assert (outcome.permanent, outcome.code) == (True, "refused_by_rule")
    assert desk.written() == []


def test_an_incident_that_is_not_there_is_not_found(desk: Desk) -> None:
    outcome = GET.do(desk.caller.context(), {"sys_id": "0" * 32}, {})
    assert isinstance(outcome, Failed)
    assert (outcome.permanent, outcome.code) == (True, "not_found")


@pytest.mark.parametrize("sys_id", ["INC0010001", "../sys_user", "a" * 31, "^sys_idISNOTEMPTY" + "a" * 15])
def test_a_sys_id_that_is_none_reaches_no_one(desk: Desk, sys_id: str) -> None:
    seen = len(desk.stand_ins.log())
    outcome = GET.do(desk.caller.context(), {"sys_id": sys_id}, {})
    assert isinstance(outcome, Failed)
    assert outcome.code == "invalid_args"
    assert len(desk.stand_ins.log()) == seen


def test_a_write_without_expected_values_is_refused(desk: Desk) -> None:
    desk.expected = {}
    outcome = desk.update()
    assert isinstance(outcome, Failed)
    assert outcome.code == "expected_missing"
    assert desk.written() == []


def test_a_halt_before_the_first_byte_sends_nothing(desk: Desk) -> None:
    def stop() -> None:
        raise SendAborted("halted")

    seen = len(desk.stand_ins.log())
    outcome = desk.update(on_first_byte=stop)
    assert isinstance(outcome, NotSent)
    assert outcome.code == "halted"
    assert len(desk.stand_ins.log()) == seen


def test_a_halt_between_the_check_and_the_write_stops_the_write(desk: Desk) -> None:
    asked: list[int] = []

    def stop_the_second() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise SendAborted("halted")

    outcome = desk.update(on_first_byte=stop_the_second)
    assert isinstance(outcome, NotSent)
    assert [e.method for e in outcome.wire] == ["GET"]
    assert desk.written() == []


def test_a_lost_check_before_the_write_is_transient_and_nothing_is_written(desk: Desk) -> None:
    desk.stand_ins.fault("drop_after", method="GET", path="/api/now/table/incident")
    outcome = desk.update()
    assert isinstance(outcome, Failed)
    assert (outcome.permanent, outcome.code) == (False, "read_connection_lost")
    assert desk.written() == []


def test_a_field_that_the_instance_does_not_know_is_drift(desk: Desk) -> None:
    desk.args["fields"]["u_unknown"] = "x"
    desk.expected["u_unknown"] = ""
    outcome = desk.update()
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.detail) == ("contract_drift", "fields missing: u_unknown")
    assert desk.written() == []


def test_an_expired_token_is_renewed_once_and_the_write_happens_once(desk: Desk) -> None:
    desk.stand_ins.ctl("clock", {"advance_s": 3600})
    outcome = desk.update()
    assert isinstance(outcome, Done)
    assert 401 in {e.status for e in outcome.wire}
    assert len(desk.notes()) == 1


def test_a_wrong_secret_is_a_permanent_failure_that_does_not_show_it(desk: Desk) -> None:
    outcome = desk.update(secrets={"client_secret": "not-the-secret"})
    assert isinstance(outcome, Failed)
    assert (outcome.permanent, outcome.code) == (True, "auth_failed")
    assert "not-the-secret" not in repr(outcome)


def test_no_secret_appears_in_what_is_kept_of_the_wire(desk: Desk) -> None:
    outcome = desk.update()
    assert "Bearer" not in repr(outcome)
    assert all(e.headers.get("authorization", "[redacted]") == "[redacted]" for e in outcome.wire)


@pytest.mark.parametrize("config", [{"auth": "magic"}, {"client_id": ""}])
def test_a_wrong_setting_is_a_permanent_failure(desk: Desk, config: dict[str, str]) -> None:
    outcome = desk.update(**config)
    assert isinstance(outcome, Failed)
    assert (outcome.permanent, outcome.code) == (True, "connector_config_invalid")


def test_basic_authentication_works_too(desk: Desk) -> None:

    context = {
        "auth": "basic",
        "username": accounts.SERVICENOW_USER,
        "secrets": {"password": accounts.SERVICENOW_PASSWORD},
    }
    assert isinstance(desk.update(**context), Done)


def undone(desk: Desk, **context: Any) -> tuple[Any, Any]:
    done = desk.update()
    recipe = UPDATE.undo(desk.args, desk.before, done.after)
    ours = desk.caller.context(marker="[interlock:undo:00000001]", **context)
    return recipe, ours


def test_an_undo_puts_every_field_back_and_adds_one_correction(desk: Desk) -> None:
    recipe, ours = undone(desk)
    outcome = RESTORE.do(ours, recipe.args, recipe.expected)
    assert isinstance(outcome, Done)
    assert desk.observe() | {"sys_mod_count": "", "sys_updated_by": "", "sys_updated_on": "", "display": {}} == (
        desk.before | {"sys_mod_count": "", "sys_updated_by": "", "sys_updated_on": "", "display": {}}
    )
    assert RESTORE.verify(ours, recipe.args, outcome.after).label is Label.RESTORED
    assert len(desk.notes()) == 2
    assert any(note.startswith("Correction") and note.endswith(ours.marker) for note in desk.notes())


def test_an_undo_leaves_a_foreign_change_alone(desk: Desk) -> None:
    recipe, ours = undone(desk)
    desk.edit(category="hardware")
    outcome = RESTORE.do(ours, recipe.args, recipe.expected)
    assert isinstance(outcome, Failed)
    assert (outcome.permanent, outcome.code) == (True, "conflict")
    assert desk.record()["category"] == "hardware"
    assert len(desk.notes()) == 1
    assert RESTORE.verify(ours, recipe.args, {}).label is Label.CONFLICT


def test_an_undo_of_what_somebody_put_back_already_only_adds_the_correction(desk: Desk) -> None:
    recipe, ours = undone(desk)
    desk.edit(category="inquiry")
    outcome = RESTORE.do(ours, recipe.args, recipe.expected)
    assert isinstance(outcome, Done)
    assert RESTORE.verify(ours, recipe.args, outcome.after).label is Label.RESTORED


def test_a_lost_reply_of_an_undo_is_found_by_its_own_marker(desk: Desk) -> None:
    recipe, ours = undone(desk)
    desk.stand_ins.fault("drop_after", **PATCH)
    assert isinstance(RESTORE.do(ours, recipe.args, recipe.expected), Unknown)
    assert isinstance(RESTORE.probe(ours, recipe.args, recipe.expected), Landed)
    assert len(desk.notes()) == 2


def test_the_probe_of_an_undo_does_not_mistake_the_quoted_marker_for_the_forward_write(desk: Desk) -> None:
    recipe, ours = undone(desk)
    RESTORE.do(ours, recipe.args, recipe.expected)
    other = desk.caller.context(marker="[interlock:another:00000000]")
    assert isinstance(UPDATE.probe(other, desk.args, desk.expected), NotLanded)


def test_a_probe_cannot_tell_when_the_record_changed_without_the_marker(desk: Desk) -> None:
    desk.edit(category="hardware")
    assert isinstance(desk.probe(), CannotTell)


def test_a_probe_cannot_tell_when_the_target_does_not_answer(desk: Desk) -> None:
    desk.stand_ins.fault("html", method="GET", path="/api/now/table/incident")
    assert isinstance(desk.probe(), CannotTell)


def test_verify_reads_back_and_sees_a_later_change(desk: Desk) -> None:
    done = desk.update()
    assert UPDATE.verify(desk.caller.context(), desk.args, done.after).reads_as_written
    desk.edit(category="hardware")
    assert not UPDATE.verify(desk.caller.context(), desk.args, done.after).reads_as_written


def test_the_choices_are_those_of_the_instance(caller) -> None:
    outcome = CHOICES.do(caller("servicenow").context(), {}, {})
    assert isinstance(outcome, Done)
    groups = {choice["value"]: choice["label"] for choice in outcome.output["choices"]["assignment_group"]}
    assert groups[NETWORK] == "Network"
    assert {choice["id"] for choice in outcome.output["choices"]["category"]} >= {"network", "inquiry"}
