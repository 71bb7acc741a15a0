"""What a simulation found, arranged for reading: a matrix of effects, what got looser or stricter, what is unknown."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from policies.impact import MOST_EXAMPLES, Shift
from policies.models import Simulation
from policies.types import Effect

GAPS: Mapping[str, str] = MappingProxyType(
    {
        "no_policy_decided": "denied before any policy was asked, so no policy changes them",
        "bundle_not_kept": "the bundle that decided is no longer what was signed",
        "content_expired": "what was asked has expired",
        "not_reproduced": "deciding them again under their own bundle gave another answer",
    }
)
LISTS = (
    (Shift.LOOSENED, "Loosened", "Decided more leniently than they were."),
    (Shift.FAILED, "Without an answer", "The draft gives no answer that counts: the gateway would deny."),
    (Shift.TIGHTENED, "Tightened", "Decided more strictly than they were."),
    (Shift.OBLIGATIONS, "On other terms", "The same effect with other obligations."),
)
_ORDER = [*(effect.value for effect in Effect), "FAILED"]


def shown(simulation: Simulation) -> dict[str, Any]:
    report = simulation.report
    if not report:
        return {}
    return {
        "report": report,
        "matrix": matrix(report["matrix"]),
        "lists": [_list(report, *each) for each in LISTS],
        "gaps": [(GAPS.get(cause, cause), count) for cause, count in report["not_covered"].items()],
        "most_examples": MOST_EXAMPLES,
    }


def matrix(counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Rows were, columns would be, strictest first; `tone` says which way a cell moved."""
    after = [effect for effect in _ORDER if any(effect in row for row in counts.values())]
    rows = [
        (before, [_cell(before, to, counts[before].get(to, 0)) for to in after])
        for before in _ORDER
        if before in counts
    ]
    return {"columns": after, "rows": rows}


def _cell(before: str, after: str, count: int) -> tuple[int, str]:
    if before == after or not count:
        return count, ""
    looser = _ORDER.index(after) > _ORDER.index(before) and after != "FAILED"
    return count, "removed" if looser or after == "FAILED" else "added"


def _list(report: Mapping[str, Any], shift: Shift, title: str, words: str) -> dict[str, Any]:
    examples = [each for each in report["examples"] if each["shift"] == shift.value]
    return {
        "title": title,
        "words": words,
        "count": report.get(shift.value, 0),
        "examples": examples,
        "id": shift.value,
    }
