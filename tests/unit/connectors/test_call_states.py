from datetime import UTC, datetime, timedelta

import pytest

from connectors import checks
from connectors.calls import FINAL, OPEN, TRANSITIONS, CallState, may_move
from connectors.gateway import clocks

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_every_state_says_where_it_may_go() -> None:
    assert set(TRANSITIONS) == set(CallState)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_what_is_final_never_moves(state: CallState) -> None:
    assert not TRANSITIONS[state]


def test_only_open_states_are_dispatched() -> None:
    assert {state for state in CallState if may_move(state, CallState.DISPATCHED)} == OPEN


def test_only_what_was_sent_can_succeed() -> None:
    succeed = {state for state in CallState if may_move(state, CallState.SUCCEEDED)}
    assert succeed == {CallState.DISPATCHED, CallState.UNKNOWN}


def test_what_was_sent_is_never_denied_or_rejected_afterwards() -> None:
    for state in (CallState.DISPATCHED, CallState.UNKNOWN):
        assert not TRANSITIONS[state] & {CallState.DENIED, CallState.REJECTED, CallState.EXPIRED}


def test_first_byte_and_reply_fit_into_the_lease() -> None:
    assert clocks.SEND_WINDOW_S + clocks.HARD_DEADLINE_S < clocks.LAST_BYTE_S <= clocks.LEASE_S


def test_clocks_that_do_not_fit_into_the_lease_refuse_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.clocks_fit(None) == []
    monkeypatch.setattr(clocks, "LEASE_S", clocks.LAST_BYTE_S - 1)
    assert [found.id for found in checks.clocks_fit(None)] == ["connectors.E003"]


@pytest.mark.parametrize(("declared", "allowed"), [(5, 5), (20, 20), (120, 20)])
def test_no_action_gets_more_than_the_hard_deadline(declared: int, allowed: int) -> None:
    assert clocks.deadline_s(declared) == allowed


def test_probes_come_at_growing_intervals_and_end_with_a_person() -> None:
    waits = [clocks.next_probe(NOW, n) for n in range(len(clocks.PROBE_AFTER_S))]
    assert waits == sorted(set(waits))
    assert clocks.next_probe(NOW, len(clocks.PROBE_AFTER_S)) is None


@pytest.mark.parametrize(("elapsed", "proven"), [(69, False), (70, True), (71, True)])
def test_absence_is_proven_only_after_the_settle_time(elapsed: int, proven: bool) -> None:
    assert clocks.absence_proven(NOW, NOW + timedelta(seconds=elapsed), 70) is proven
