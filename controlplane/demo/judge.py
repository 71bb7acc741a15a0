"""What the stand-ins' ledger proves, as pure functions: counts per ticket, figures, broken promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
WRITES = ("field_update", "note_appended")
HARMLESS = frozenset({"message_updated"})
LATENCY_TARGET_MS = 20_000
LATENCY_LIMIT_MS = 90_000
ENOUGH_FOR_ALL_SCENARIOS = 25
ENOUGH_WRITTEN = 20


@dataclass(frozen=True)
class Effects:
    """Effects on one ticket: field updates, work notes, messages to the team."""

    updates: int = 0
    notes: int = 0
    announced: int = 0

    def beyond(self, expected: Effects) -> int:
        """How many effects happened that nobody approved."""
        pairs = (
            (self.updates, expected.updates),
            (self.notes, expected.notes),
            (self.announced, expected.announced),
        )
        return sum(max(0, seen - wanted) for seen, wanted in pairs)


WRITTEN = Effects(1, 1, 1)
NOTHING = Effects()
UNDONE = Effects(2, 2, 0)


@dataclass
class Case:
    """One incident: what was planned for it and what people did, by the stand-ins' clock (unix seconds)."""

    number: str
    sys_id: str
    scenario: str
    expected: Effects
    label: str | None = None
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    card_at: float | None = None
    decided_at: float | None = None
    run_state: str = ""
    run_code: str = ""
    run_detail: str = ""
    cost_micros: int | None = None
    cost_complete: bool = False
    timed: bool = True

    @property
    def human_s(self) -> float:
        return (self.decided_at or 0) - (self.card_at or 0) if self.decided_at and self.card_at else 0.0


def effects_of(case: Case, ledger: Iterable[Row], team_channel: str) -> Effects:
    """What the platform did to this ticket, read from the ledger."""
    rows = [row for row in ledger if row["origin"] == "api"]
    mine = Counter(row["kind"] for row in rows if row["target"] == case.sys_id)
    told = sum(_announces(row, case, team_channel) for row in rows)
    return Effects(mine["field_update"], mine["note_appended"], told)


def _announces(row: Row, case: Case, team_channel: str) -> bool:
    posted = row["kind"] == "message_posted" and row.get("channel") == team_channel
    return posted and case.number in str((row.get("text"), row.get("blocks")))


def per_write(cases: Iterable[Case], ledger: Sequence[Row]) -> list[int]:
    """Effects per approved write: how often each write's marker landed on its record."""
    landed = Counter(
        (row["target"], marker)
        for row in ledger
        if row["kind"] == "note_appended" and row["origin"] == "api"
        for marker in row["markers"][-1:]
    )
    counts: list[int] = []
    for case in cases:
        if case.expected.updates:
            mine = [n for (target, _), n in landed.items() if target == case.sys_id]
            counts += mine or [0]
    return counts


def unexpected(cases: Sequence[Case], ledger: Sequence[Row], team_channel: str, card_channel: str) -> int:
    """Effects beyond those that were approved, on known and on unknown records."""
    known = {case.sys_id for case in cases}
    strangers = [row for row in ledger if row["origin"] == "api" and _stray(row, known, team_channel, card_channel)]
    return len(strangers) + sum(effects_of(case, ledger, team_channel).beyond(case.expected) for case in cases)


def _stray(row: Row, known: set[str], team_channel: str, card_channel: str) -> bool:
    if row["kind"] in HARMLESS:
        return False
    if row["kind"] in WRITES:
        return row["target"] not in known
    posted: bool = row["kind"] == "message_posted" and row["channel"] in {team_channel, card_channel}
    return not posted


def latencies_ms(cases: Iterable[Case], ledger: Sequence[Row]) -> list[int]:
    """Event to write-back without the human wait, per ticket that was written; halted tickets are not timed."""
    written = {row["target"]: row["at"] for row in reversed(ledger) if _is_write(row)}
    created = {row["target"]: row["at"] for row in ledger if row["kind"] == "record_created"}
    timed = [case for case in cases if case.timed and case.sys_id in written]
    return sorted(int((written[c.sys_id] - created[c.sys_id] - c.human_s) * 1000) for c in timed)


def _is_write(row: Row) -> bool:
    return bool(row["kind"] == "field_update" and row["origin"] == "api")


def percentile(values: Sequence[int], share: float) -> int | None:
    """Nearest-rank percentile of sorted values; None without values."""
    return values[min(len(values) - 1, max(0, -(-int(share * 100) * len(values) // 100) - 1))] if values else None


def labels(cases: Iterable[Case]) -> dict[str, float | int] | None:
    """How often the category that was written equals the label of the ticket; None without labels."""
    judged = [case for case in cases if case.label is not None and case.expected == WRITTEN]
    if not judged:
        return None
    right = sum(case.after.get("category") == case.label for case in judged)
    most = Counter(case.label for case in judged).most_common(1)[0][1]
    shares = {"accuracy": round(right / len(judged), 4), "majority_baseline": round(most / len(judged), 4)}
    return {"accuracy": shares["accuracy"], "n": len(judged), "majority_baseline": shares["majority_baseline"]}


def _p95(figures: Mapping[str, Any]) -> int | None:
    found: int | None = figures["latency_ms"]["p95"]
    return found


def remarks(figures: Mapping[str, Any]) -> list[str]:
    """What is worth saying though it breaks no promise: targets that a slow or busy machine misses."""
    late = (_p95(figures) or 0) > LATENCY_TARGET_MS
    return ["slower than the target of 20 s at the 95th percentile: is this machine busy?"] if late else []


def broken_promises(figures: Mapping[str, Any]) -> list[str]:
    """Each promise that the figures break, in words."""
    at_least_one = ("rejected", "denied", "rolled_back", "duplicates_ignored", "forged_refused", "dropped_replies")
    promises = {
        "at least 20 tickets are written back": figures["written_back"] >= ENOUGH_WRITTEN
        or figures["incidents"] < ENOUGH_FOR_ALL_SCENARIOS,
        "each approved write has exactly one effect": figures["min_effects_per_write"] == 1
        and figures["max_effects_per_write"] == 1,
        "no effect without an approval": figures["unexpected_effects"] == 0,
        "no run is left for a person to repair": figures["needs_attention"] == 0,
        "the bundle verifies offline": figures["verdict"] == "VERIFIED",
        "no ticket waits longer than 90 s for the platform": 0 < (_p95(figures) or 0) <= LATENCY_LIMIT_MS,
        "people decide in Slack over HTTP and over Socket Mode": min(figures["slack_clicks"].values()) >= 1,
        "the cost of a ticket is known": figures["cost_per_ticket_usd"] > 0 and figures["cost_coverage"] > 0,
    }
    promises |= {f"the scenario “{name}” was seen": figures[name] >= 1 for name in at_least_one}
    return [promise for promise, kept in promises.items() if not kept]
