"""Rules about what was decided, sent and paid."""

from collections import defaultdict
from collections.abc import Iterator

from evidence.verify.tale import Broken, Rule, Tale, attempt, number, text

INTENT = "tool.call.intent"
COMPLETED = "tool.call.completed"
OUTCOMES = (COMPLETED, "tool.call.failed", "tool.call.unknown", "tool.call.not_sent")
COSTS = ("metering.usage_settled", "metering.human_time_recorded")
PERMITS = {"ALLOW", "ROUTE"}


def intents_have_outcomes(tale: Tale) -> Iterator[Broken]:
    """What was about to be sent is followed by what became of it."""
    answered = {attempt(event) for _, event in tale.of(*OUTCOMES)}
    for line, event in tale.of(INTENT):
        if attempt(event) not in answered:
            yield Broken("DANGLING-INTENT", line, f"nothing tells what became of call {text(event, 'call_id')}")


def intents_come_first(tale: Tale) -> Iterator[Broken]:
    """Nothing happened that was not announced: evidence before effect."""
    announced: set[tuple[str, str]] = set()
    for line, event in tale.of(INTENT, *OUTCOMES):
        if event.type == INTENT:
            announced.add(attempt(event))
        elif attempt(event) not in announced:
            yield Broken("RULE-INTENT", line, f"the call {text(event, 'call_id')} had not been announced")


def what_is_sent_was_proposed(tale: Tale) -> Iterator[Broken]:
    """The proposal names the same tool and the same idempotency key."""
    proposed: dict[str, tuple[str, str]] = {}
    for line, event in tale.of("tool.call.proposed", INTENT):
        call, what = text(event, "call_id"), (text(event, "tool"), text(event, "idempotency_key"))
        if event.type != INTENT:
            proposed[call] = what
        elif proposed.get(call) != what:
            yield Broken("RULE-PROPOSED", line, f"the call {call} is not the one that was proposed")


def policy_allowed_it(tale: Tale) -> Iterator[Broken]:
    """Each intent rests on a decision about that very call, by a policy in force, that lets it go."""
    permits: dict[str, str] = {}
    for line, event in tale.of("policy.decided", INTENT):
        call, decision = text(event, "call_id"), text(event, "decision_id")
        if event.type == INTENT:
            if permits.get(decision) != call:
                yield Broken("RULE-POLICY", line, f"no decision in the record lets the call {call} go")
        elif text(event, "effect") in PERMITS and text(event, "phase") == "before" and number(event, "seq") > 0:
            permits[decision] = call


def policy_never_goes_back(tale: Tale) -> Iterator[Broken]:
    """Behind what is sent, the policy in force is the same or a newer one."""
    seqs: dict[str, tuple[str, int]] = {}
    newest: dict[str, int] = defaultdict(int)
    for line, event in tale.of("policy.decided", INTENT):
        decision = text(event, "decision_id")
        if event.type != INTENT:
            seqs[decision] = text(event, "environment_id"), number(event, "seq")
        elif decision in seqs:
            environment, seq = seqs[decision]
            if seq < newest[environment]:
                yield Broken("RULE-BUNDLE", line, f"policy {seq} decided when {newest[environment]} was in force")
            newest[environment] = max(seq, newest[environment])


def what_was_denied_does_not_run(tale: Tale) -> Iterator[Broken]:
    denied: set[str] = set()
    for line, event in tale.of("tool.call.denied", INTENT):
        if event.type != INTENT:
            denied.add(text(event, "call_id"))
        elif text(event, "call_id") in denied:
            yield Broken("RULE-DENIED", line, f"the call {text(event, 'call_id')} had been denied")


def one_effect_per_key(tale: Tale) -> Iterator[Broken]:
    """Of all attempts under one idempotency key, at most one completed."""
    key_of = {attempt(event): text(event, "idempotency_key") for _, event in tale.of(INTENT)}
    completed: set[str] = set()
    for line, event in tale.of(COMPLETED):
        key = key_of.get(attempt(event), "")
        if key in completed:
            yield Broken("RULE-EFFECT", line, f"a second effect under the key {key}")
        elif key:
            completed.add(key)


def tools_are_those_of_the_start(tale: Tale) -> Iterator[Broken]:
    """A run pins version and manifest of its tools when it starts."""
    for _, started in tale.of("run.started")[:1]:
        pins = started.data.get("tools", "")
        for line, event in tale.of(INTENT):
            used = f"{text(event, 'tool_version')} {text(event, 'manifest_digest')}"
            if isinstance(pins, dict) and pins.get(text(event, "tool"), used) != used:
                yield Broken("RULE-PIN", line, f"{text(event, 'tool')} is not the tool that the run began with")


def totals_are_sums(tale: Tale) -> Iterator[Broken]:
    """A run says at its end what it has cost: no less than its steps, no more than all that is on record before."""
    costs = tale.of(*COSTS)
    for line, closed in tale.of("run.closed"):
        earlier = [event for at, event in costs if at < line]
        steps = {text(event, "call_id") for at, event in tale.of("run.step_settled") if at < line}
        least = sum(number(event, "cost_micros") for event in earlier if text(event, "call_id") in steps)
        most = sum(number(event, "cost_micros") for event in earlier)
        if not least <= number(closed, "cost_micros") <= most:
            yield Broken("RULE-COST", line, f"{number(closed, 'cost_micros')} micros, the record adds up to {most}")


RULES: tuple[Rule, ...] = (
    intents_come_first,
    what_is_sent_was_proposed,
    policy_allowed_it,
    policy_never_goes_back,
    what_was_denied_does_not_run,
    one_effect_per_key,
    tools_are_those_of_the_start,
    totals_are_sums,
)
