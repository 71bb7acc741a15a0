"""The judge of the demo: figures from a ledger, as literal tables."""

import pytest

from controlplane.demo import judge
from controlplane.demo.judge import NOTHING, UNDONE, WRITTEN, Case, Effects

TEAM, CARDS = "C0ITSM", "C0APPROVALS"


def case(name: str = "a", expected: Effects = WRITTEN, **more: object) -> Case:
    return Case(number=f"INC{name}", sys_id=name, scenario="slack", expected=expected, **more)


def row(kind: str, target: str = "a", *, at: float = 10.0, origin: str = "api", **more: object) -> dict:
    return {"kind": kind, "target": target, "at": at, "origin": origin, "markers": [], **more}


def note(target: str = "a", marker: str = "interlock:1") -> dict:
    return row("note_appended", target, markers=[marker])


def told(number: str = "INCa", channel: str = TEAM) -> dict:
    return row("message_posted", f"{channel}/1", channel=channel, text=f"done {number}", blocks=[])


WHOLE = [row("record_created", at=1.0, origin="person"), row("field_update", at=4.0), note(), told()]


def test_a_written_ticket_has_one_update_one_note_and_one_message():
    assert judge.effects_of(case(), WHOLE, TEAM) == WRITTEN
    assert judge.unexpected([case()], WHOLE, TEAM, CARDS) == 0
    assert judge.per_write([case()], WHOLE) == [1]


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (note(), 1),
        (row("field_update"), 1),
        (told(), 1),
        (row("field_update", "stranger"), 1),
        (row("record_deleted", "a"), 1),
        (row("message_posted", "C9/1", channel="C9", text="", blocks=[]), 1),
        (row("message_updated", "C0APPROVALS/1"), 0),
        (told(channel=CARDS), 0),
        (row("field_update", origin="person"), 0),
    ],
)
def test_what_nobody_approved_is_counted(extra, expected):
    assert judge.unexpected([case()], [*WHOLE, extra], TEAM, CARDS) == expected


def test_a_write_that_landed_twice_and_one_that_never_landed_show_in_the_extremes():
    counts = judge.per_write([case("a"), case("b"), case("c", NOTHING)], [note("a"), note("a")])
    assert (min(counts), max(counts)) == (0, 2)


def test_the_correcting_note_of_an_undo_is_a_write_of_its_own():
    rows = [note(marker="interlock:1"), note(marker="interlock:2")]
    assert judge.per_write([case(expected=UNDONE)], rows) == [1, 1]


def test_latency_leaves_out_the_human_wait_and_halted_tickets():
    waited = case(card_at=2.0, decided_at=3.5)
    assert judge.latencies_ms([waited, case(timed=False)], WHOLE) == [1500]


@pytest.mark.parametrize(("share", "value"), [(0.5, 20), (0.95, 40), (0.0, 10)])
def test_percentiles_by_nearest_rank(share, value):
    assert judge.percentile([10, 20, 30, 40], share) == value


def test_no_values_have_no_percentile():
    assert judge.percentile([], 0.5) is None


def test_labels_are_compared_with_what_was_written():
    right = case(label="network", after={"category": "network"})
    wrong = case("b", label="network", after={"category": "email"})
    rejected = case("c", NOTHING, label="email", after={"category": "inquiry"})
    assert judge.labels([right, wrong, rejected]) == {"accuracy": 0.5, "n": 2, "majority_baseline": 1.0}
    assert judge.labels([case()]) is None


KEPT = {
    "incidents": 28,
    "written_back": 24,
    "rejected": 1,
    "denied": 1,
    "rolled_back": 1,
    "needs_attention": 0,
    "duplicates_ignored": 1,
    "forged_refused": 1,
    "dropped_replies": 1,
    "min_effects_per_write": 1,
    "max_effects_per_write": 1,
    "unexpected_effects": 0,
    "latency_ms": {"p50": 900, "p95": 2000},
    "cost_per_ticket_usd": 0.002,
    "cost_coverage": 1.0,
    "slack_clicks": {"http": 9, "socket": 9},
    "verdict": "VERIFIED",
}


def test_kept_promises_break_nothing():
    assert judge.broken_promises(KEPT) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"written_back": 19},
        {"rejected": 0},
        {"forged_refused": 0},
        {"max_effects_per_write": 2},
        {"min_effects_per_write": 0},
        {"unexpected_effects": 1},
        {"needs_attention": 1},
        {"latency_ms": {"p50": None, "p95": None}},
        {"latency_ms": {"p50": 900, "p95": 90_001}},
        {"cost_coverage": 0.0},
        {"slack_clicks": {"http": 18, "socket": 0}},
        {"cost_per_ticket_usd": 0.0},
        {"verdict": "code 1"},
    ],
)
def test_each_broken_promise_is_named(bad):
    assert len(judge.broken_promises(KEPT | bad)) == 1


def test_a_missed_target_is_said_but_breaks_nothing():
    slow = KEPT | {"latency_ms": {"p50": 9000, "p95": 20_001}}
    assert (len(judge.remarks(slow)), judge.broken_promises(slow), judge.remarks(KEPT)) == (1, [], [])
