"""Governance rules over events. They hold or are broken whoever signed the events."""

from collections.abc import Iterator, Sequence

from evidence.verify import rules_of_approvals, rules_of_calls
from evidence.verify.envelope import Event
from evidence.verify.tale import Broken, Rule, Tale, number, text

LOOK_BACK: tuple[Rule, ...] = (*rules_of_approvals.RULES, *rules_of_calls.RULES)
"""These need what came before: asked where a run is shown from its start."""

LOOK_AHEAD: tuple[Rule, ...] = (rules_of_calls.intents_have_outcomes,)
"""These need what came after: asked where a run is shown to its end."""

COUNT = len(LOOK_BACK) + len(LOOK_AHEAD) + 1


def broken(tales: Sequence[Tale], events: Sequence[Event]) -> list[Broken]:
    found = list(one_number_one_policy(events))
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
