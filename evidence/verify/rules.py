"""Governance rules over events. They hold or are broken whoever signed the events."""

from collections.abc import Iterator, Sequence

from evidence.verify import rules_of_approvals, rules_of_calls
from evidence.verify.envelope import Event
from evidence.verify.rules_of_approvals import VOTE
from evidence.verify.tale import Broken, Rule, Tale, number, text

LOOK_BACK: tuple[Rule, ...] = (*rules_of_approvals.RULES, *rules_of_calls.RULES)
"""These need what came before: asked where a run is shown from its start."""

LOOK_AHEAD: tuple[Rule, ...] = (rules_of_calls.intents_have_outcomes,)
"""These need what came after: asked where a run is shown to its end."""

COUNT = len(LOOK_BACK) + len(LOOK_AHEAD) + 2


def broken(tales: Sequence[Tale], events: Sequence[Event], *, whole: bool) -> list[Broken]:
    """`whole`: the events are all of a log, from its first one on."""
    found = [*one_number_one_policy(events), *(stand_ins_were_named(events) if whole else ())]
    for tale in tales:
        rules = (LOOK_BACK if tale.from_start else ()) + (LOOK_AHEAD if tale.to_end else ())
        found += [one for rule in rules for one in rule(tale)]
    return found


def one_number_one_policy(events: Sequence[Event]) -> Iterator[Broken]:
    """Under one number of an environment, all decisions and the activation speak of the same bundle."""
    known: dict[tuple[str, int], str] = {}
    for line, event in enumerate(events, start=1):
        if event.type in ("policy.decided", "policy.activated") and number(event, "seq"):
            place = text(event, "environment_id"), number(event, "seq")
            if known.setdefault(place, text(event, "bundle_sha256")) != text(event, "bundle_sha256"):
                yield Broken("RULE-BUNDLE", line, f"two policies under the number {place[1]}")


def stand_ins_were_named(events: Sequence[Event]) -> Iterator[Broken]:
    """Whoever votes with the right of another was named by them, and it had not ended."""
    named: dict[str, tuple[str, str]] = {}
    for line, event in enumerate(events, start=1):
        if event.type == "approval.delegated":
            named[text(event, "delegation_id")] = text(event, "principal_id"), text(event, "stand_in_id")
        elif event.type == "approval.delegation_ended":
            named.pop(text(event, "delegation_id"), None)
        elif event.type == VOTE and text(event, "right_of"):
            pair = text(event, "right_of"), text(event, "voter_id")
            if pair not in named.values():
                yield Broken("RULE-RIGHT", line, f"{pair[1]} does not stand in for {pair[0]}")
