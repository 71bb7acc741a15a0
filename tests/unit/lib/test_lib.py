"""The leaf library: ids sort by time, digests are canonical, the catalogue is closed, ports are bound once."""

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.lib import clock, events, ids
from controlplane.lib.canonical import canonical, digest
from controlplane.lib.logs import JsonFormatter, bind
from controlplane.lib.registry import AlreadyBound, Port, Unbound

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: st.lists(children) | st.dictionaries(st.text("abcdefghij_."), children),
    max_leaves=20,
)


def test_ids_are_version_seven_and_sort_by_time() -> None:
    with clock.frozen(NOON):
        early = ids.uuid7()
    with clock.frozen(NOON + timedelta(milliseconds=1)):
        late = ids.uuid7()
    assert early < late
    assert (early.version, early.variant) == (7, UUID(int=0x8 << 60).variant)


def test_a_wall_clock_that_is_wrong_or_steps_moves_nothing_once_the_database_was_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right_ns = clock.now_ns()
    monkeypatch.setattr(clock, "_booted_at_ns", None)
    for wrong_ns in (3600 * 10**9, -3600 * 10**9):
        monkeypatch.setattr(clock, "_wall_ns", lambda by=wrong_ns: right_ns + by)
        clock.agree(right_ns)
        assert abs(clock.now_ns() - right_ns) < clock.TOLERANCE_NS
        assert abs(clock.now() - datetime.fromtimestamp(right_ns / 1e9, UTC)) < timedelta(seconds=1)


def test_a_clock_that_agrees_is_not_moved_back_and_forth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_booted_at_ns", None)
    clock.agree(clock.now_ns())
    before = clock.now_ns()
    clock.agree(before - clock.TOLERANCE_NS // 2)
    assert clock.now_ns() >= before


def test_the_clock_stands_still_and_goes_on() -> None:
    with clock.frozen(NOON):
        assert clock.now() == NOON
        assert clock.now_ms() == int(NOON.timestamp() * 1000)
    assert clock.now() > NOON


@given(json_values)
def test_canonical_json_reads_back_and_repeats(value: object) -> None:
    assert json.loads(canonical(value)) == value
    assert digest(json.loads(canonical(value))) == digest(value)


@pytest.mark.parametrize("value", [1.5, {"a": [0.1]}, float("nan"), 2**53, {"a": "\ud800"}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical(value)


def test_an_event_type_is_never_reused() -> None:
    name = f"test.t{uuid4().hex}"

    @events.event(name)
    @dataclass(frozen=True)
    class First:
        run_id: UUID
        note: str | None = None
        body: events.Committed | None = None

    with pytest.raises(events.EventTypeReused):

        @events.event(name)
        @dataclass(frozen=True)
        class Second:
            pass

    content = events.Committed(b"{}")
    assert events.fields_of(First(UUID(int=1), body=content)) == {"run_id": str(UUID(int=1)), "body": content}
    assert events.type_of(First(UUID(int=1))) == name
    with pytest.raises(LookupError):
        events.type_of(object())
    events._catalogue.pop(name)


def test_a_port_is_bound_once_and_raises_before() -> None:
    port: Port[object] = Port("x")
    with pytest.raises(Unbound):
        port.get()
    one = object()
    port.bind(one)
    port.bind(one)
    assert port.get() is one
    with pytest.raises(AlreadyBound):
        port.bind(object())


def test_log_lines_are_json_with_ids() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "hello %s", ("you",), None)
    with bind(run_id="r1", tenant_id=None):
        line = json.loads(JsonFormatter().format(record))
    assert (line["message"], line["run_id"], line["level"]) == ("hello you", "r1", "info")
    assert "tenant_id" not in line
