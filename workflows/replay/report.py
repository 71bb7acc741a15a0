"""What a replay found, as values; its document is the same on every machine. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from typing import Any


class Level(StrEnum):
    """R0: the structure of a run, from its metadata alone. R1: every event of it, from recorded content, by the engine
    itself. R2: every decision, by the policy that made it."""

    R0 = "R0"
    R1 = "R1"
    R2 = "R2"


class Verdict(StrEnum):
    """`NOT_COVERED`: nothing differs, but not all of it could be played: that is not `SAME`."""

    SAME = "SAME"
    DIVERGED = "DIVERGED"
    NOT_COVERED = "NOT_COVERED"


class Code(IntEnum):
    """Exit codes of `interlock replay`: those of verification."""

    SAME = 0
    DIVERGED = 9
    NOT_COVERED = 10


@dataclass(frozen=True)
class Divergence:
    """The first place where the replay does not say what the record says. `seq` counts the events of the run; `path`
    leads into the event, or into the content at `content`."""

    seq: int
    event: str
    type: str
    path: str
    recorded: Any
    replayed: Any
    why: str
    content: str = ""


class Missing(StrEnum):
    """Why something could not be played. `CONTENT`: expired, erased, withheld or never kept."""

    START = "start_missing"
    CONTENT = "content_not_open"
    DEFINITION = "definition_missing"
    POLICY = "policy_bundle_missing"
    ANSWER = "policy_no_answer"


@dataclass(frozen=True)
class Gap:
    """Something that is not there: `what` in words; `seq` is 0 where it concerns the whole run."""

    seq: int
    code: Missing
    what: str


@dataclass
class Report:
    """`counts`: how many events were made by whom, decisions, looks. `steps`: what is shown, one line per event."""

    level: Level
    run: str
    same: int = 0
    events: int = 0
    head: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    divergence: Divergence | None = None
    after: int = 0
    gaps: list[Gap] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        if self.divergence is not None:
            return Verdict.DIVERGED
        return Verdict.NOT_COVERED if self.gaps else Verdict.SAME

    @property
    def exit_code(self) -> Code:
        return Code[self.verdict.value]

    def document(self) -> dict[str, Any]:
        """JSON without floats. `head`: hash of the last event as it was made again."""
        return {
            "level": self.level.value,
            "run": self.run,
            "verdict": self.verdict.value,
            "events": self.events,
            "same": self.same,
            "differing_later": self.after,
            "counts": dict(sorted(self.counts.items())),
            "head": self.head,
            "divergence": asdict(self.divergence) if self.divergence else None,
            "not_covered": [asdict(gap) for gap in self.gaps],
        }


def told(document: Mapping[str, Any]) -> list[str]:
    """A report in words, one thought a line."""
    lines = [f"{document['level']} {document['verdict']}: {document['same']} of {document['events']} the same"]
    found = document["divergence"]
    if found:
        lines.append(
            f"first divergence: event {found['seq']} {found['type']} {found['content']}{found['path']}".strip()
        )
        lines.append(f"  {found['why']}")
        lines += [f"  recorded: {found['recorded']}", f"  replayed: {found['replayed']}"]
    if document["differing_later"]:
        lines.append(f"{document['differing_later']} later ones differ as well")
    return lines + [_uncovered(gap) for gap in document["not_covered"]]


def _uncovered(gap: Mapping[str, Any]) -> str:
    place = f" (event {gap['seq']})" if gap["seq"] else ""
    return f"not covered: {gap['what']}{place}: {gap['code']}"
