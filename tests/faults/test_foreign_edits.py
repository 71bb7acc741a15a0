"""What others change between a write and its undo is never overwritten, and the label always says what is so.

Hypothesis chooses the fields, the values, who changes what in between, how, and whether the reply of the write
was lost, so that its image was read after the others had been there.
"""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors import gateway
from connectors.calls import CallState
from tests import gateway_ground as ground
from tests.faults.doubts import Passing, proposed, trials
from tests.stand_ins import StandIns

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

LEVEL = st.sampled_from(["1", "2", "3"])
VALUES = {
    "category": st.sampled_from(["inquiry", "network", "hardware", "software"]),
    "impact": LEVEL,
    "urgency": LEVEL,
}
OTHERS = {
    **VALUES,
    "short_description": st.text("ab <>[]{}", max_size=12),
    "close_notes": st.sampled_from(["", "seen"]),
}
FIRST = {"category": "inquiry", "impact": "3", "urgency": "3"}
COMPUTED = frozenset({"priority", "sys_mod_count", "sys_updated_on", "sys_updated_by"})


def _some(values: dict[str, Any], *, least: int) -> st.SearchStrategy[dict[str, str]]:
    names = st.sets(st.sampled_from(sorted(values)), min_size=least)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: values[name] for name in sorted(chosen)}))


EDITS = st.lists(st.tuples(_some(OTHERS, least=1), st.booleans()), max_size=3)


def _record(vendors: StandIns, sys_id: str) -> dict[str, str]:
    seen = vendors.ctl(f"state?sys_id={sys_id}", method="GET")["record"]
    return {name: value for name, value in seen.items() if name not in COMPUTED}


def test_an_undo_leaves_what_others_changed_and_says_so(free: SimpleNamespace, vendors: StandIns) -> None:
    passing = Passing(free, vendors)
    seen: set[str] = set()

    @settings(max_examples=trials(12), deadline=None, suppress_health_check=list(HealthCheck))
    @example(FIRST, {"category": "network"}, [({"short_description": "a"}, False)], False)
    @example(FIRST, {"category": "network"}, [({"category": "hardware"}, True)], True)
    @given(_some(VALUES, least=3), _some(VALUES, least=1), EDITS, st.booleans())
    def walk(start: dict[str, str], fields: dict[str, str], edits: list[Any], lost: bool) -> None:
        sys_id = vendors.incident(**start)
        before = _record(vendors, sys_id)
        call = proposed(free, passing, "servicenow.incident.update", "servicenow", ground.update_args(sys_id, **fields))
        write = lambda: gateway.advance(call_id=call.call_id, actor=ground.worker(free))  # noqa: E731
        if lost:
            vendors.fault("drop_after", method="PATCH", path="/api/now")
            with passing.at_this_time():
                assert write().state is CallState.UNKNOWN
        else:
            assert passing.at_last(write).state is CallState.SUCCEEDED
        written = _record(vendors, sys_id)
        for changes, quiet in edits:
            vendors.ctl("edit", {"sys_id": sys_id, "changes": changes, "quiet": quiet})
        assert passing.at_last(write).state is CallState.SUCCEEDED
        found = _record(vendors, sys_id)
        undone = passing.at_last(lambda: gateway.compensate(call_id=call.call_id, actor=ground.worker(free)))
        left = _record(vendors, sys_id)
        touched = {name for name in before if before[name] != written[name]}
        foreign = {name for name in touched if found[name] not in (written[name], before[name])}
        assert {name: left[name] for name in left if name not in touched} == {
            name: found[name] for name in found if name not in touched
        }
        if foreign:
            assert (undone.state, undone.label) == (CallState.CONFLICT, "CONFLICT"), undone
            assert left == found, "nothing is put back next to somebody else's change"
        else:
            assert undone.state is CallState.SUCCEEDED, undone
            assert undone.label == ("RESTORED" if touched else "OFFSET"), undone
            assert {name: left[name] for name in touched} == {name: before[name] for name in touched}
        seen.add(undone.label)

    walk()
    assert {"RESTORED", "CONFLICT"} <= seen, "both must have been met for this to prove anything"


TEXT = st.text("abc&<>", min_size=1, max_size=12).filter(str.strip)
EDIT = st.one_of(
    st.none(),
    st.just("delete"),
    TEXT.map(lambda text: {"text": text}),
    TEXT.map(lambda text: {"text": "as posted", "blocks": [_section(text)]}),
)


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text}}


def _by_others(vendors: StandIns, place: dict[str, str], edit: Any) -> None:
    from connectors.sandbox import accounts

    method, more = ("chat.delete", {}) if edit == "delete" else ("chat.update", edit)
    signed = {"Authorization": f"Bearer {accounts.SLACK_BOT_TOKEN}"}
    _, _, answer = vendors.send("POST", f"/slack/api/{method}", {**place, **more}, signed)
    assert answer["ok"], answer


def test_a_message_that_others_changed_is_not_replaced_by_the_correction(
    free: SimpleNamespace, vendors: StandIns
) -> None:
    passing = Passing(free, vendors)
    seen: set[str] = set()
    vendors.ctl("slack/config", {"unlimited": True})

    @settings(max_examples=trials(8), deadline=None, suppress_health_check=list(HealthCheck))
    @example(None, True)
    @example({"text": "others were here"}, True)
    @given(EDIT, st.booleans())
    def walk(edit: Any, lost: bool) -> None:
        args = {"channel": ground.CHANNEL, "text": "as posted"}
        call = proposed(free, passing, "slack.message.post", "slack", args)
        write = lambda: gateway.advance(call_id=call.call_id, actor=ground.worker(free))  # noqa: E731
        if lost:
            vendors.fault("drop_after", path="chat.postMessage")
        before = len(vendors.ledger(vendor="slack", kind="message_posted"))
        with passing.at_this_time():
            write()
        messages = vendors.ledger(vendor="slack", kind="message_posted")
        assert len(messages) == before + 1, "others edit this message, not one before it"
        ts = messages[-1]["ts"]
        place = {"channel": ground.CHANNEL, "ts": ts}
        if edit and not (lost and edit == "delete"):
            _by_others(vendors, place, edit)
        posted = passing.at_last(write)
        assert posted.state is CallState.SUCCEEDED, posted
        found = vendors.ctl("state", method="GET")["slack"]["channels"][ground.CHANNEL].get(ts)
        undone = passing.at_last(lambda: gateway.compensate(call_id=call.call_id, actor=ground.worker(free)))
        left = vendors.ctl("state", method="GET")["slack"]["channels"][ground.CHANNEL].get(ts)
        if edit and not (lost and edit == "delete"):
            assert (undone.state, undone.label) == (CallState.CONFLICT, "CONFLICT"), undone
            assert left == found
        else:
            assert (undone.state, undone.label) == (CallState.SUCCEEDED, "OFFSET"), undone
            assert left["text"].startswith("Correction")
        seen.add(undone.label)

    walk()
    assert seen == {"OFFSET", "CONFLICT"}
