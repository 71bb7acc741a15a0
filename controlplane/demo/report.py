"""The demo's result: figures for `build/demo.json`, a table of tickets, and what was promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from controlplane.demo import judge
from controlplane.demo.drive import Seen
from controlplane.demo.judge import NOTHING, UNDONE, WRITTEN, Case
from controlplane.demo.scenarios import SCENARIOS
from controlplane.demo.vendors import CARD_CHANNEL, HTTP, SOCKET, TEAM_CHANNEL

SETTLING_S = 1.0
MICRO = Decimal(1_000_000)
COMPARED = ("category", "impact", "urgency", "priority", "assignment_group", "state", "assigned_to")


def figures(seen: Seen, ledger: Sequence[judge.Row], runs: Sequence[Mapping[str, Any]], dropped: int) -> dict[str, Any]:
    """All keys of `build/demo.json` except bundle, trust, verdict and durations."""
    cases = seen.cases
    writes = judge.per_write(cases, ledger)
    times = judge.latencies_ms(cases, ledger)
    costs = [case.cost_micros for case in cases if case.cost_micros is not None]
    mean = Decimal(sum(costs)) / max(len(costs), 1) / MICRO
    return {
        "incidents": len(cases),
        "written_back": sum(_is(case, ledger, WRITTEN) for case in cases),
        "rejected": sum(_is(case, ledger, NOTHING, "rejected") for case in cases),
        "denied": sum(_is(case, ledger, NOTHING, "denied") for case in cases),
        "rolled_back": sum(_is(case, ledger, UNDONE) and reads_as_before(case) for case in cases),
        "needs_attention": sum(case.run_state == "NEEDS_ATTENTION" for case in cases),
        "duplicates_ignored": _duplicates_ignored(seen, runs),
        "forged_refused": int(seen.forged_status == 401 and not _runs_of(seen.forged_number, runs)),
        "dropped_replies": sum(_is(case, ledger, WRITTEN, "dropped") for case in cases) if dropped else 0,
        "min_effects_per_write": min(writes, default=0),
        "max_effects_per_write": max(writes, default=0),
        "unexpected_effects": judge.unexpected(cases, ledger, TEAM_CHANNEL, CARD_CHANNEL) + _while_halted(seen, ledger),
        "latency_ms": {"p50": judge.percentile(times, 0.5), "p95": judge.percentile(times, 0.95)},
        "cost_per_ticket_usd": float(round(mean, 6)),
        "cost_coverage": round(sum(case.cost_complete for case in cases) / max(len(cases), 1), 4),
        "labels": judge.labels(cases),
        "slack_clicks": {way: seen.clicks[way] for way in (HTTP, SOCKET)},
    }


def _is(case: Case, ledger: Sequence[judge.Row], effects: judge.Effects, scenario: str = "") -> bool:
    """The ticket was meant to end so, its run did, and the ledger shows exactly these effects."""
    meant = case.expected == effects and scenario in ("", case.scenario)
    ended = case.run_state in SCENARIOS[case.scenario].states
    return meant and ended and judge.effects_of(case, ledger, TEAM_CHANNEL) == effects


def surprises(cases: Sequence[Case]) -> list[str]:
    """Runs that ended otherwise than their scenario says."""
    return [
        f"{case.number} ({case.scenario}): {case.run_state} {case.run_code} {case.run_detail}".strip()
        for case in cases
        if case.run_state not in SCENARIOS[case.scenario].states
    ]


def reads_as_before(case: Case) -> bool:
    return all(case.before[name] == case.after[name] for name in COMPARED)


def _runs_of(number: str, runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [run for run in runs if run["ticket"] == number]


def _duplicates_ignored(seen: Seen, runs: Sequence[Mapping[str, Any]]) -> int:
    twice = [case for case in seen.cases if case.scenario == "duplicate"]
    accepted = 200 <= seen.duplicate_status < 300
    return sum(accepted and len(_runs_of(case.number, runs)) == 1 for case in twice)


def _while_halted(seen: Seen, ledger: Sequence[judge.Row]) -> int:
    """Effects later than a second after the kill switch was engaged and before it was released."""
    if seen.halted_between is None:
        return 0
    engaged, released = seen.halted_between
    held = (row for row in ledger if row["origin"] == "api")
    return sum(engaged + SETTLING_S < row["at"] < released for row in held)


def show_tickets(console: Console, cases: Sequence[Case]) -> None:
    table = Table(title="Cost per ticket", title_justify="left")
    for name, justify in (("Ticket", "left"), ("What happened", "left"), ("Category", "left"), ("Priority", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("Cost (USD)", justify="right")
    for case in cases:
        category = f"{case.before['category']} → {case.after['category']}"
        priority = f"{case.before['priority']} → {case.after['priority']}"
        table.add_row(case.number, SCENARIOS[case.scenario].says, category, priority, _cost(case))
    console.print(table)


def _cost(case: Case) -> str:
    if case.cost_micros is None:
        return "unknown"
    return f"{Decimal(case.cost_micros) / MICRO:.6f}" + ("" if case.cost_complete else " or more")


def show_figures(console: Console, result: Mapping[str, Any], broken: Sequence[str]) -> None:
    table = Table(show_header=False, title="Result", title_justify="left")
    table.add_column(justify="left")
    table.add_column(justify="left")
    for name, value in result.items():
        table.add_row(name.replace("_", " "), str(value))
    console.print(table)
    for sentence in judge.remarks(result):
        console.print(Text.assemble(("Note: ", "bold yellow"), sentence), soft_wrap=True)
    for sentence in broken:
        console.print(Text.assemble(("Broken: ", "bold red"), sentence), soft_wrap=True)
    if not broken:
        console.print("[bold green]Every promise was kept.[/]")
