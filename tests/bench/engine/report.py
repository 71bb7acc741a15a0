"""The table for people and the file for machines."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

KEYS = (
    "ours_wf_s",
    "dbos_wf_s",
    "best_peer_wf_s",
    "best_peer",
    "ram_ours_wf_s",
    "ram_dbos_wf_s",
    "ram_best_peer_wf_s",
    "ram_best_peer",
    "governed_wf_s",
    "dbos_http_wf_s",
    "commits_per_wf",
    "idle_p50_ms",
    "recovery_s",
    "growth_waiting_ratio",
    "growth_finished_ratio",
    "growth_tenants_ratio",
)
Results = dict[str, float | str | None]


def write(path: Path, results: Mapping[str, Any]) -> None:
    """Exactly the agreed keys; what was not measured is null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({key: results.get(key) for key in KEYS}, indent=2) + "\n")


def table(console: Console, title: str, columns: list[str], rows: list[list[object]]) -> None:
    drawn = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        drawn.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        drawn.add_row(*[_shown(cell) for cell in row])
    console.print(drawn)


def goals(console: Console, found: Mapping[str, Any]) -> None:
    """Each goal as the ratio that was reached beside the one that was asked for."""
    rows: list[list[object]] = []
    for label, value, wanted, at_least in _goals(found):
        if value is not None:
            met = value >= wanted if at_least else value <= wanted
            rows.append([label, value, f"{'≥' if at_least else '≤'} {wanted:g}", "met" if met else "missed"])
    table(console, "Goals", ["", "reached", "goal", ""], rows)


def _goals(found: Mapping[str, Any]) -> list[tuple[str, float | None, float, bool]]:
    def ratio(over: str, under: str) -> float | None:
        first, second = found.get(over), found.get(under)
        return first / second if first and second else None

    return [
        ("disk: ours / DBOS", ratio("ours_wf_s", "dbos_wf_s"), 6, True),
        ("disk: ours / fastest peer", ratio("ours_wf_s", "best_peer_wf_s"), 1.5, True),
        ("RAM: ours / DBOS", ratio("ram_ours_wf_s", "ram_dbos_wf_s"), 15, True),
        ("RAM: ours / fastest peer", ratio("ram_ours_wf_s", "ram_best_peer_wf_s"), 2, True),
        ("commits per workflow", found.get("commits_per_wf"), 7, False),
        ("idle p50, ms", found.get("idle_p50_ms"), 10, False),
        ("governed / DBOS ungoverned", ratio("governed_wf_s", "dbos_http_wf_s"), 3, True),
        ("recovery beyond the lease, s", found.get("recovery_beyond_lease_s"), 2, False),
        ("100,000 waiting / empty", found.get("growth_waiting_ratio"), 0.85, True),
        ("10^6 finished / empty", found.get("growth_finished_ratio"), 0.85, True),
        ("10,000 tenants / one", found.get("growth_tenants_ratio"), 0.85, True),
    ]


def _shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.2f}" if abs(cell) < 10 else f"{cell:.1f}"
    return "" if cell is None else str(cell)
