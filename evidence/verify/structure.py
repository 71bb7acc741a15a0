"""R0: the structure of a run from its metadata alone. Its events must be the trace of a run that could have happened.

Each call, step and approval request goes through the states that the platform knows, in an order that it allows.
Nothing is opened, nothing executed; it works for every run. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from evidence.verify.envelope import Event

NEW, GONE = "", "(over)"

CALL: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "tool.call.proposed": {NEW: "open"},
        "tool.call.held": {"open": "open"},
        "tool.call.denied": {"open": GONE},
        "tool.call.closed": {"open": GONE},
        "tool.call.intent": {"open": "sent"},
        "tool.call.completed": {"sent": GONE, "doubt": GONE},
        "tool.call.failed": {"sent": "open", "doubt": "open"},
        "tool.call.unknown": {"sent": "doubt", "doubt": "doubt"},
        "tool.call.not_sent": {"sent": "open"},
        "tool.call.probed": {"sent": "doubt", "doubt": "doubt"},
        "tool.call.resolved": {"doubt": "doubt"},
    }
)
"""What an event does to its call: from which state to which. `open`: nothing was sent (again); `sent`: an answer is
due; `doubt`: it may have landed. A call of an idempotency key has one effect at most."""

REQUEST: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "approval.requested": {NEW: "open"},
        "approval.vote_cast": {"open": "open"},
        "approval.decided": {"open": "decided"},
        "approval.voided": {"open": GONE, "decided": GONE},
        "approval.consumed": {"decided": GONE},
    }
)

STEP_ENDS = frozenset({"SUCCEEDED", "SKIPPED", "FAILED", "COMPENSATED", "CONFLICT"})
STEP_AFTER: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        NEW: frozenset({"SUCCEEDED", "SKIPPED", "FAILED", "CONFLICT"}),
        "SUCCEEDED": frozenset({"COMPENSATED", "CONFLICT"}),
    }
)


@dataclass(frozen=True)
class Break:
    """An event that cannot stand where it stands. `seq` counts the events of the run."""

    seq: int
    type: str
    message: str


def breaks(events: Sequence[Event]) -> list[Break]:
    """Everything that does not fit; empty when the run could have happened so."""
    return sorted({*_frame(events), *_calls(events), *_requests(events), *_steps(events), *_totals(events)}, key=_place)


def _place(found: Break) -> tuple[int, str]:
    return found.seq, found.message


def _frame(events: Sequence[Event]) -> Iterator[Break]:
    """It begins with its start; what follows its end is its seal or comes from people and the platform."""
    starts = [event for event in events if event.type == "run.started"]
    closed = [event for event in events if event.type == "run.closed"]
    if not starts or starts[0] is not events[0]:
        yield Break(events[0].seq if events else 0, "run.started", "the run does not begin with its start")
    yield from (Break(event.seq, event.type, "the run starts twice") for event in starts[1:])
    yield from (Break(event.seq, event.type, "the run is closed twice") for event in closed[1:])
    if closed:
        after = [event for event in events if event.seq > closed[0].seq and event.type == "run.step_settled"]
        yield from (Break(event.seq, event.type, "a step is settled after the run was closed") for event in after)


def _calls(events: Sequence[Event]) -> Iterator[Break]:
    yield from _walk(events, "call_id", CALL, "call")


def _requests(events: Sequence[Event]) -> Iterator[Break]:
    yield from _walk(events, "request_id", REQUEST, "approval request")


def _walk(events: Sequence[Event], member: str, table: Mapping[str, Mapping[str, str]], what: str) -> Iterator[Break]:
    states: dict[str, str] = {}
    for event in events:
        if event.type not in table:
            continue
        name = str(event.data.get(member))
        onward = table[event.type].get(states.get(name, NEW))
        if onward is None:
            yield Break(event.seq, event.type, f"a {what} that is {states.get(name) or 'unknown'} cannot come to this")
        else:
            states[name] = onward


def _steps(events: Sequence[Event]) -> Iterator[Break]:
    states: dict[str, str] = {}
    places: set[int] = set()
    for event in events:
        if event.type != "run.step_settled":
            continue
        step, state = str(event.data.get("step")), str(event.data.get("state"))
        if state not in STEP_AFTER.get(states.get(step, NEW), frozenset()):
            yield Break(
                event.seq, event.type, f"step {step} cannot go from {states.get(step) or 'its start'} to {state}"
            )
        effect = event.data.get("effect")
        if isinstance(effect, int) and step not in states:
            if effect in places:
                yield Break(event.seq, event.type, f"two steps have the place {effect} among the effects")
            places.add(effect)
        states[step] = state


def _totals(events: Sequence[Event]) -> Iterator[Break]:
    """What the end of the run counts is what its events tell; a second attempt also counts what it kept."""
    closed = next((event for event in events if event.type == "run.closed"), None)
    if closed is None:
        return
    last = {str(event.data.get("step")): str(event.data.get("state")) for event in events
            if event.type == "run.step_settled"}  # fmt: skip
    told: dict[str, int] = {}
    for state in last.values():
        told[state] = told.get(state, 0) + 1
    counted = closed.data.get("steps")
    steps = {name: count for name, count in counted.items() if name in STEP_ENDS} if isinstance(counted, dict) else {}
    again = events[0].data.get("redrive_of") is not None
    if not (_covers(steps, told) if again else steps == told):
        yield Break(closed.seq, closed.type, "the steps that it counts are not those that were settled")


def _covers(steps: Mapping[str, object], told: Mapping[str, int]) -> bool:
    return all(isinstance(count := steps.get(state), int) and count >= least for state, least in told.items())
