from typing import Any

import pytest

from connectors.gateway import obligations

ARGS: dict[str, Any] = {"text": "secret", "limits": {"n": 9}}


@pytest.mark.parametrize(
    ("obligation", "after"),
    [
        ({"type": "redact", "path": "text"}, {"text": "[redacted]", "limits": {"n": 9}}),
        ({"type": "redact", "path": "absent"}, ARGS),
        ({"type": "cap", "path": "limits.n", "max": 5}, {"text": "secret", "limits": {"n": 5}}),
        ({"type": "cap", "path": "limits.n", "max": 50}, ARGS),
        ({"type": "cap", "path": "limits.m", "max": 5}, {"text": "secret", "limits": {"n": 9, "m": 5}}),
        ({"type": "set", "path": "limits.n", "value": "x"}, {"text": "secret", "limits": {"n": "x"}}),
        ({"type": "approval", "tier": "high"}, ARGS),
        ({"type": "seal_before_send"}, ARGS),
    ],
)
def test_obligation_changes_the_arguments_once(obligation: dict[str, Any], after: dict[str, Any]) -> None:
    once = obligations.apply(ARGS, [obligation])
    assert once == after
    assert obligations.apply(once, [obligation]) == once


def test_the_proposed_arguments_are_never_changed_in_place() -> None:
    args = {"limits": {"n": 9}}
    obligations.apply(args, [{"type": "cap", "path": "limits.n", "max": 1}])
    assert args == {"limits": {"n": 9}}


@pytest.mark.parametrize(
    "obligation",
    [
        {},
        {"type": "delete_everything"},
        {"type": "redact"},
        {"type": "set", "path": "nowhere.here", "value": 1},
        {"type": "cap", "path": "limits.n", "max": "many"},
        {"type": "cap", "path": "text", "max": 3},
    ],
)
def test_what_the_gateway_cannot_carry_out_is_refused(obligation: dict[str, Any]) -> None:
    with pytest.raises(obligations.ObligationUnsupported):
        obligations.apply(ARGS, [obligation])


def test_terms_of_the_approval_are_read_from_the_obligation() -> None:
    terms = obligations.approval_terms(
        [{"type": "seal_before_send"}, {"type": "approval", "tier": "high", "expires_s": 60}]
    )
    assert (terms["tier"], terms["expires_s"]) == ("high", 60)
    assert not obligations.approval_terms([])


def test_seal_is_wanted_only_when_policy_says_so() -> None:
    assert obligations.wants_seal([{"type": "seal_before_send"}])
    assert not obligations.wants_seal([{"type": "approval"}])
