"""Governance rules over the events of one run. They hold or are broken whoever signed the events."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from evidence.verify import jcs
from evidence.verify.envelope import Event

INTENT = "tool.call.intent"
OUTCOMES = frozenset({"tool.call.completed", "tool.call.failed", "tool.call.unknown", "tool.call.not_sent"})


@dataclass(frozen=True)
class Broken:
    """A rule that the event on `line` (from 1) breaks."""

    code: str
    line: int
    message: str


Rule = Callable[[Sequence[Event]], Iterator[Broken]]


def broken(events: Sequence[Event]) -> list[Broken]:
    return [found for rule in RULES for found in rule(events)]


def intents_have_outcomes(events: Sequence[Event]) -> Iterator[Broken]:
    """What was about to be sent is followed by what became of it."""
    answered = {_attempt(event) for event in events if event.type in OUTCOMES}
    for line, event in _of_type(events, INTENT):
        if _attempt(event) not in answered:
            yield Broken("DANGLING-INTENT", line, f"nothing tells what became of call {_text(event, 'call_id')}")


def nobody_approves_their_own(events: Sequence[Event]) -> Iterator[Broken]:
    """Requester, starter of the run and owner of the agent are not among the approvers."""
    interested = {
        _text(event, "request_id"): {
            _text(event, role) for role in ("requester_id", "run_starter_id", "agent_owner_id") if role in event.data
        }
        for _, event in _of_type(events, "approval.requested")
    }
    for line, event in _of_type(events, "approval.consumed"):
        approvers = event.data.get("approvers", [])
        own = interested.get(_text(event, "request_id"), set()) & _texts(approvers)
        if own:
            yield Broken("RULE-SOD", line, f"{', '.join(sorted(own))} approved what they asked for")


def what_was_approved_is_what_runs(events: Sequence[Event]) -> Iterator[Broken]:
    """An intent that rests on an approval carries the digest that was approved and consumed."""
    consumed = {_text(event, "request_id"): event for _, event in _of_type(events, "approval.consumed")}
    for line, event in _of_type(events, INTENT):
        if "request_id" not in event.data:
            continue
        approval = consumed.get(_text(event, "request_id"))
        if approval is None or _text(approval, "action_digest") != _text(event, "action_digest"):
            yield Broken("RULE-TOCTOU", line, "the action that was sent is not the one that was approved")


def what_was_denied_does_not_run(events: Sequence[Event]) -> Iterator[Broken]:
    denied: set[str] = set()
    for line, event in enumerate(events, start=1):
        if event.type == "tool.call.denied":
            denied.add(_text(event, "call_id"))
        elif event.type == INTENT and _text(event, "call_id") in denied:
            yield Broken("RULE-DENIED", line, f"the call {_text(event, 'call_id')} had been denied")


def one_effect_per_key(events: Sequence[Event]) -> Iterator[Broken]:
    """Of all attempts under one idempotency key, at most one completed."""
    key_of = {_attempt(event): _text(event, "idempotency_key") for _, event in _of_type(events, INTENT)}
    completed: dict[str, int] = defaultdict(int)
    for line, event in _of_type(events, "tool.call.completed"):
        key = key_of.get(_attempt(event))
        if key:
            completed[key] += 1
            if completed[key] > 1:
                yield Broken("RULE-EFFECT", line, f"a second effect under the key {key}")


RULES: tuple[Rule, ...] = (
    intents_have_outcomes,
    nobody_approves_their_own,
    what_was_approved_is_what_runs,
    what_was_denied_does_not_run,
    one_effect_per_key,
)


def _of_type(events: Sequence[Event], event_type: str) -> Iterator[tuple[int, Event]]:
    return ((line, event) for line, event in enumerate(events, start=1) if event.type == event_type)


def _attempt(event: Event) -> tuple[str, str]:
    return _text(event, "call_id"), _text(event, "attempt")


def _text(event: Event, member: str) -> str:
    return jcs.shown(event.data.get(member, ""))


def _texts(value: jcs.Json) -> set[str]:
    return {jcs.shown(item) for item in value} if isinstance(value, list) else set()
