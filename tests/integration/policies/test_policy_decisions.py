"""Decisions through the real engine, and that whatever is doubtful is denied and recorded."""

from collections.abc import Callable
from types import SimpleNamespace

from policies.types import Decision, Effect

Ask = Callable[..., Decision]


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


def test_without_a_published_policy_everything_is_denied(inside: SimpleNamespace, ask: Ask) -> None:
    decision = ask()
    assert (decision.effect, codes(decision), decision.seq) == (Effect.DENY, ["bundle_missing"], 0)


def test_a_write_of_triage_asks_a_person(published: SimpleNamespace, ask: Ask) -> None:
    decision = ask()
    assert (decision.effect, codes(decision)) == (Effect.REQUIRE_HITL, ["write_needs_approval"])
    assert decision.obligations == [
        {"type": "approval", "tier": "standard", "quorum": 1, "distinct_roles": False, "expires_s": 3600}
    ]
    assert decision.seq == published.activation.seq == 1
    assert decision.bundle_sha256 == published.activation.bundle.sha256
