"""System checks of approvals."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from approvals.types import RULES, Tier


@register()
def every_tier_has_rules(**_: Any) -> list[CheckMessage]:
    """A tier that a policy may ask for says how many people it needs."""
    return [
        Error(
            f"the approval tier {tier} has no rules",
            hint="Add it to approvals.types.RULES.",
            id="approvals.E001",
        )
        for tier in Tier
        if tier not in RULES
    ]
