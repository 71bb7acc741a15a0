"""What a workflow asks of people beside the policy: it can only be more."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from approvals.types import Tier
from connectors.gateway.floor import CODE, raised, tier_of
from policies.types import Decision, Effect

DIGEST = "a" * 64


def decision(effect):
    return Decision(UUID(int=1), effect, [], [], [], 0, "r", 1, "b", datetime(2026, 1, 1, tzinfo=UTC))


def after(effect, floor, *tiers, digest=DIGEST):
    approvals = [{"tier": tier, "action_digest": digest} for tier in tiers]
    return raised(decision(effect), floor=floor, reason="", digest=DIGEST, approvals=approvals)


@pytest.mark.parametrize(
    ("floor", "effect"),
    [
        ("", Effect.ALLOW),
        ("standard", Effect.REQUIRE_HITL),
        ("two_person", Effect.REQUIRE_HITL),
        ("high", Effect.REQUIRE_STEP_UP),
        ("critical", Effect.REQUIRE_STEP_UP),
    ],
)
def test_what_policy_allows_is_asked_about(floor, effect):
    asked = after(Effect.ALLOW, floor)
    assert asked.effect is effect
    assert [reason.code for reason in asked.reasons] == ([CODE] if floor else [])


@pytest.mark.parametrize("effect", [effect for effect in Effect if effect is not Effect.ALLOW])
def test_what_policy_does_not_allow_is_left_as_it_is(effect):
    assert after(effect, "critical").effect is effect


@pytest.mark.parametrize(
    ("floor", "given", "enough"),
    [
        ("standard", "standard", True),
        ("standard", "critical", True),
        ("two_person", "standard", False),
        ("two_person", "high", False),
        ("high", "two_person", False),
        ("high", "critical", True),
        ("critical", "high", False),
    ],
)
def test_an_approval_counts_when_it_is_as_strict(floor, given, enough):
    assert (after(Effect.ALLOW, floor, given).effect is Effect.ALLOW) is enough


def test_an_approval_of_another_action_does_not_count():
    assert after(Effect.ALLOW, "standard", "critical", digest="c" * 64).effect is Effect.REQUIRE_HITL


@pytest.mark.parametrize(
    ("wanted", "floor", "asked"),
    [
        (Tier.STANDARD, "", Tier.STANDARD),
        (Tier.STANDARD, "two_person", Tier.TWO_PERSON),
        (Tier.CRITICAL, "standard", Tier.CRITICAL),
        (Tier.HIGH, "two_person", Tier.CRITICAL),
        (Tier.TWO_PERSON, "high", Tier.CRITICAL),
    ],
)
def test_the_stricter_of_both_tiers_is_asked_for(wanted, floor, asked):
    assert tier_of(wanted, floor) is asked
