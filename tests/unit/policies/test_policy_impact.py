"""What another policy would have decided: the classes of change as a table, and counts that survive a restart."""

import json

import pytest

from policies import impact
from policies.impact import Gap, Impact, Past, Shift
from policies.types import Effect, Reason, Verdict

ASK = {"type": "approval", "tier": "standard", "quorum": 1, "distinct_roles": False, "expires_s": 3600}


def verdict(effect: Effect, *codes: str, obligations: tuple[dict[str, object], ...] = ()) -> Verdict:
    return Verdict(effect, tuple(Reason(effect, code, "r", "m") for code in codes), obligations)


def past(effect: Effect, *codes: str, risk: str = "low", obligations: tuple[dict[str, object], ...] = ()) -> Past:
    reasons = frozenset(f"r: {code}" for code in codes)
    return Past("d", "t.do", "w", risk, effect, reasons, impact.terms(obligations, [], 0))


@pytest.mark.parametrize(
    ("before", "after", "shift"),
    [
        (Effect.DENY, Effect.ALLOW, Shift.LOOSENED),
        (Effect.DENY, Effect.REQUIRE_HITL, Shift.LOOSENED),
        (Effect.REQUIRE_STEP_UP, Effect.REQUIRE_HITL, Shift.LOOSENED),
        (Effect.REQUIRE_HITL, Effect.ALLOW, Shift.LOOSENED),
        (Effect.ROUTE, Effect.ALLOW, Shift.LOOSENED),
        (Effect.ALLOW, Effect.REQUIRE_HITL, Shift.TIGHTENED),
        (Effect.REQUIRE_HITL, Effect.THROTTLE, Shift.TIGHTENED),
        (Effect.ALLOW, Effect.DENY, Shift.TIGHTENED),
        (Effect.DENY, Effect.DENY, Shift.SAME),
        (Effect.ALLOW, None, Shift.FAILED),
    ],
)
def test_a_change_of_effect_has_a_direction(before: Effect, after: Effect | None, shift: Shift) -> None:
    assert impact.shift_of(past(before), verdict(after) if after else None) is shift


def test_the_same_effect_on_other_terms_is_a_change() -> None:
    asked = past(Effect.REQUIRE_HITL, obligations=(ASK,))
    assert impact.shift_of(asked, verdict(Effect.REQUIRE_HITL, obligations=(ASK,))) is Shift.SAME
    two = verdict(Effect.REQUIRE_HITL, obligations=({**ASK, "quorum": 2},))
    assert impact.shift_of(asked, two) is Shift.OBLIGATIONS


def test_a_decision_is_reproduced_only_with_its_reasons_and_terms() -> None:
    known = past(Effect.DENY, "forbidden_field")
    assert known.agrees(verdict(Effect.DENY, "forbidden_field"))
    assert not known.agrees(verdict(Effect.DENY, "default_deny"))
    assert not known.agrees(verdict(Effect.DENY, "forbidden_field", obligations=(ASK,)))


def test_the_report_names_the_rules_that_moved_a_decision() -> None:
    found = Impact()
    found.weigh(past(Effect.DENY, "forbidden_field", risk="high"), verdict(Effect.ALLOW, "fine"))
    found.weigh(past(Effect.ALLOW), verdict(Effect.ALLOW))
    found.leave_out(Gap.EXPIRED)
    report = found.report()
    assert (report["decisions"], report["covered"], report["loosened"], report["loosened_high_risk"]) == (3, 2, 1, 1)
    assert report["matrix"] == {"ALLOW": {"ALLOW": 1}, "DENY": {"ALLOW": 1}}
    assert report["not_covered"] == {"content_expired": 1}
    [example] = report["examples"]
    assert (example["gained"], example["lost"]) == (["r: fine"], ["r: forbidden_field"])
    assert {(entry["change"], entry["rule"]) for entry in report["rules"]} == {
        ("gained", "r: fine"),
        ("lost", "r: forbidden_field"),
    }


def test_counts_go_on_where_a_kept_report_ends() -> None:
    steps = [(Effect.DENY, Effect.ALLOW), (Effect.ALLOW, Effect.DENY), (Effect.ALLOW, Effect.ALLOW)]
    whole, first = Impact(), Impact()
    for before, after in steps:
        whole.weigh(past(before, "a", risk="critical"), verdict(after, "b"))
    first.weigh(past(Effect.DENY, "a", risk="critical"), verdict(Effect.ALLOW, "b"))
    rest = Impact.resumed(json.loads(json.dumps(first.report())))
    for before, after in steps[1:]:
        rest.weigh(past(before, "a", risk="critical"), verdict(after, "b"))
    assert rest.report() == whole.report()
