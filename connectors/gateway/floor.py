"""The least approval that a workflow insists on. It can only ask for more than the policy does. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from approvals.types import RULES, Rules, Tier
from policies.types import Decision, Effect, Reason

CODE = "workflow_asks_for_approval"
RULE = "interlock.workflow.approval"


def raised(
    decision: Decision, *, floor: str, reason: str, digest: str, approvals: Sequence[Mapping[str, Any]]
) -> Decision:
    """The decision, or a question to people in place of an ALLOW that the floor does not yet agree with."""
    if not floor or decision.effect is not Effect.ALLOW or _satisfied(Tier(floor), digest, approvals):
        return decision
    effect = Effect.REQUIRE_STEP_UP if RULES[Tier(floor)].step_up else Effect.REQUIRE_HITL
    asks = Reason(effect, CODE, RULE, reason or f"the workflow asks for an approval ({floor})")
    return replace(decision, effect=effect, reasons=[asks, *decision.reasons])


def tier_of(wanted: Tier, floor: str) -> Tier:
    """The least tier that is as strict as both."""
    return _with(_both(RULES[wanted], RULES[Tier(floor)])) if floor else wanted


def _satisfied(floor: Tier, digest: str, approvals: Sequence[Mapping[str, Any]]) -> bool:
    """Approved for exactly this action, at a tier that is as strict as the floor."""
    tiers = [Tier(given["tier"]) for given in approvals if given["action_digest"] == digest]
    return any(_both(RULES[tier], RULES[floor]) == RULES[tier] for tier in tiers)


def _both(one: Rules, other: Rules) -> Rules:
    return Rules(max(one.quorum, other.quorum), one.high or other.high, one.step_up or other.step_up)


def _with(rules: Rules) -> Tier:
    return next(tier for tier, its in RULES.items() if its == rules)
