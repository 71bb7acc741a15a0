"""The matrix: which fault strikes which workflow where, and what must have become of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.orders import Deed
from tests.faults.points import WIRE

TRIAGE, WRITES, BACK = "itsm-triage", "faults-writes", "faults-back"

ENDS: Mapping[str, str] = {TRIAGE: "SUCCEEDED", WRITES: "SUCCEEDED", BACK: "ROLLED_BACK"}
"""What a workflow comes to when all goes well, and when the worst goes wrong on its way."""

MUST_NOT_SEND = frozenset({"dispatch.after_commit", "send.enter", "wire.before_first_byte", "wire.mid_send"})

UPDATE, POST = "servicenow.incident.update", "slack.message.post"
RESTORE, CORRECT = "servicenow.incident.restore", "slack.message.update"


@dataclass(frozen=True, slots=True)
class Strike:
    """A process does something to itself at a point."""

    point: str
    deed: Deed
    facts: Mapping[str, str] = field(default_factory=dict)
    skip: int = 0

    def __str__(self) -> str:
        where = self.facts.get("tool", self.facts.get("step", "")).rpartition(".")[2]
        return "-".join(part for part in (self.deed, self.point, where, "again" * bool(self.skip)) if part)

    @property
    def sleeps_on(self) -> bool:
        """A sleeper that would send if it could: it sleeps until others have finished its run."""
        return self.deed is Deed.STOP and self.point in MUST_NOT_SEND


@dataclass(frozen=True, slots=True)
class Vendor:
    """A fault of the stand-in for one request of the case. `contains` is filled with its ticket number."""

    kind: str
    method: str
    path: str
    contains: str = ""
    times: int = 1
    args: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind}-{self.path.rpartition('/')[2] or self.method}".lower()


@dataclass(frozen=True, slots=True)
class Case:
    workflow: str
    strikes: tuple[Strike, ...] = ()
    vendor: tuple[Vendor, ...] = ()
    person: str = "approve"
    end: str = ""

    @property
    def name(self) -> str:
        parts = [self.workflow.removeprefix("faults-").removeprefix("itsm-"), *map(str, self.vendor)]
        parts += [str(strike) for strike in self.strikes]
        return "-".join(parts + ([self.person] if self.person != "approve" else []))

    @property
    def expected(self) -> str:
        return self.end or ENDS[self.workflow]

    @property
    def sleeps(self) -> bool:
        return any(strike.deed is Deed.STOP for strike in self.strikes)


def _commits(*sites: str) -> list[str]:
    return [f"{site}.{moment}" for site in sites for moment in ("before_commit", "after_commit")]


CALL = [*_commits("propose", "take_call", "decide", "dispatch"), *WIRE.values(), "send.leave", *_commits("settle")]
"""The life of one call, point by point."""

STEP_OF = {UPDATE: "write", RESTORE: "write", POST: "announce", CORRECT: "announce"}
"""Who takes a call knows its id only; the engine that asked for it knows the step."""

DEEDS = (Deed.KILL, Deed.STOP)

COMPARED = (UPDATE, RESTORE)
"""Writes that read the record first: their second request is the one that counts."""


def _written(tool: str, deed: Deed) -> Strike:
    """All of the writing request has left, its reply has not come."""
    return Strike("wire.sent", deed, {"tool": tool}, skip=int(tool in COMPARED))


def _along(workflow: str, tool: str, lane: str, points: list[str]) -> Iterator[Case]:
    facts = {"tool": tool, "lane": lane}
    for point in points:
        skip = int(point.startswith("wire.") and tool in COMPARED)
        known = {"step": STEP_OF[tool]} if point.startswith("take_call") else facts
        for deed in DEEDS:
            yield Case(workflow, (Strike(point, deed, known, skip),))
    if tool in COMPARED:
        yield Case(workflow, (Strike("wire.before_first_byte", Deed.STOP, facts),))


def _engine(workflow: str, steps: tuple[str, ...]) -> Iterator[Case]:
    for point in (*_commits("claim", "wave"), "close.leave"):
        for deed in DEEDS:
            yield Case(workflow, (Strike(point, deed),))
    for step in steps:
        for point in ("make.enter", "make.leave", *_commits("look")):
            for deed in DEEDS:
                yield Case(workflow, (Strike(point, deed, {"step": step}),))


def forward() -> Iterator[Case]:
    yield from _engine(WRITES, ("write", "announce"))
    yield from _along(WRITES, UPDATE, "forward", [*CALL, *_commits("observe", "adopt")])
    yield from _along(WRITES, POST, "forward", CALL)


def parked() -> Iterator[Case]:
    """The write waits for a person; the fault strikes before, while or after that."""
    yield from _engine(TRIAGE, ("triage", "write"))
    points = [*_commits("decide", "dispatch", "settle"), "wire.before_first_byte", "wire.sent"]
    for point in points:
        for deed in DEEDS:
            skip = 1 if point.startswith(("decide", "wire")) else 0
            yield Case(TRIAGE, (Strike(point, deed, {"tool": UPDATE, "lane": "forward"}, skip),))
    for point in _commits("decide"):
        yield Case(TRIAGE, (Strike(point, Deed.KILL, {"tool": UPDATE, "lane": "forward"}),))
        yield Case(TRIAGE, (Strike(point, Deed.KILL, {"tool": UPDATE}),), person="reject", end="REJECTED")


_OF_FORWARD = ("propose", "take_call")
"""What the way back does under other names: the undo is written down, and its call is known by its lane alone."""


def backward() -> Iterator[Case]:
    yield from _engine(BACK, ("elsewhere",))
    for tool in (RESTORE, CORRECT):
        yield from _along(BACK, tool, "compensation", [point for point in CALL if not point.startswith(_OF_FORWARD)])
    for point in _commits("undo"):
        for deed in DEEDS:
            yield Case(BACK, (Strike(point, deed),))
            yield Case(BACK, (Strike(point, deed, skip=1),))


PATCH = {"method": "PATCH", "path": "/api/now/table/incident", "contains": "Filed by the matrix"}
POSTED = {"method": "POST", "path": "/slack/api/chat.postMessage", "contains": "is filed"}
RESTORED = {"method": "PATCH", "path": "/api/now/table/incident", "contains": "Correction"}
CORRECTED = {"method": "POST", "path": "/slack/api/chat.update", "contains": "Correction"}
LATE = {"seconds": 3.5}


def _vendors(workflow: str, request: Mapping[str, str], kinds: Mapping[str, Mapping[str, Any]]) -> Iterator[Case]:
    for kind, args in kinds.items():
        yield Case(workflow, vendor=(Vendor(kind, args=args, **request),))


def vendors() -> Iterator[Case]:
    """What vendors and networks do: replies lost, writes that land late, refusals after the fact."""
    kinds: dict[str, dict[str, Any]] = {
        "drop_before": {},
        "drop_after": {},
        "slow": LATE,
        "hang_after": LATE,
        "500_after": {},
        "truncate": {},
        "429": {"retry_after": 1},
    }
    for workflow, request in ((WRITES, PATCH), (WRITES, POSTED), (BACK, RESTORED), (BACK, CORRECTED)):
        yield from _vendors(workflow, request, kinds)


def together() -> Iterator[Case]:
    """A vendor's fault first, then a worker that dies while it finds out what became of the call."""
    for request, tool, step, workflow in (
        (PATCH, UPDATE, "write", WRITES),
        (POSTED, POST, "announce", WRITES),
        (RESTORED, RESTORE, "write", BACK),
    ):
        lost, late = Vendor("drop_after", **request), Vendor("slow", args=LATE, **request)
        call = {"tool": tool}
        yield Case(workflow, (Strike("take_unknown.after_commit", Deed.KILL, {"step": step}),), (lost,))
        yield Case(workflow, (Strike("probe.leave", Deed.KILL, call),), (lost,))
        yield Case(workflow, (Strike("probe.leave", Deed.STOP, call),), (lost,))
        for point in _commits("found"):
            yield Case(workflow, (Strike(point, Deed.KILL, call),), (lost,))
        yield Case(workflow, (_written(tool, Deed.KILL),), (late,))
        for point in _commits("probed"):
            yield Case(workflow, (Strike(point, Deed.KILL, call),), (Vendor("drop_before", **request),))
        lost_again = (
            Strike("move_call.leave", Deed.KILL, {"to": "UNKNOWN"}),
            Strike("take_unknown.after_commit", Deed.KILL),
        )
        for second in lost_again:
            yield Case(workflow, (_written(tool, Deed.KILL), second))


def people() -> Iterator[Case]:
    """Who decides or stops a run dies in the middle of it, and does it again."""
    for point in _commits("vote"):
        yield Case(TRIAGE, (Strike(point, Deed.KILL),))
    for point in _commits("cancel"):
        yield Case(TRIAGE, (Strike(point, Deed.KILL),), person="cancel", end="CANCELLED")


def sweeping() -> Iterator[Case]:
    """The worker dies, and then who would have had its run taken up again."""
    for point in _commits("make_due"):
        for deed in DEEDS:
            yield Case(WRITES, (Strike("make.enter", Deed.KILL, {"step": "write"}), Strike(point, deed)))


STRUCK_ELSEWHERE = ("declare_lost", "start", "engage", "ask_release", "release", "stop_covered", "confirm_halt")
"""Sites that cases of their own strike (their own tests), or that are struck under another name (`move_call`)."""

SAMPLE = 16
"""How many cases `make test` runs."""


def matrix() -> list[Case]:
    """Every case, each name once."""
    groups = (forward, parked, backward, vendors, together, people, sweeping)
    found = {case.name: case for group in groups for case in group()}
    return list(found.values())


def sample(cases: list[Case], size: int, seed: int) -> list[Case]:
    """A spread over the whole list, another one for each seed."""
    if size >= len(cases):
        return cases
    step = len(cases) / size
    return [cases[int(number * step + seed) % len(cases)] for number in range(size)]
