"""The two documents of a decision: `interlock.input/1` checked before, `interlock.decision/1` checked after. Pure.

Rego orders values across types and skips what is undefined, so a malformed input could grant; a malformed answer
could be read as leave. Neither passes.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from policies.engine.protocol import PointFailure
from policies.shapes import Shape
from policies.types import Effect, Phase, Reason, Verdict

LARGEST_INPUT = 256 * 1024
DEEPEST_INPUT = 32
_SCHEMAS = Path(__file__).with_name("schemas")
_TIERS = ("standard", "two_person", "high", "critical")


class BadInput(ValueError):
    """The document is not an `interlock.input/1`."""


def encode(document: Mapping[str, Any]) -> bytes:
    """The bytes of a document that are kept and committed to: sorted, compact, integers of any size.

    Raises BadInput for floats, too deep or too large documents and what is not JSON.
    """
    _refuse_unfit(document, DEEPEST_INPUT)
    try:
        content = json.dumps(
            document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        ).encode()
    except (TypeError, ValueError) as error:
        raise BadInput(str(error)) from error
    if len(content) > LARGEST_INPUT:
        raise BadInput(f"{len(content)} bytes, at most {LARGEST_INPUT}")
    return content


def check_input(document: Mapping[str, Any]) -> None:
    """Raises BadInput naming the first member that is wrong (its place, never its content)."""
    problem = _shape("input-1").problem(document)
    if problem:
        raise BadInput(problem)


def phase_of(document: Mapping[str, Any]) -> Phase:
    return Phase(document.get("phase", Phase.BEFORE))


def read_decision(
    answer: Mapping[str, Any], *, request_id: str, revision: str, seq: int, phase: Phase = Phase.BEFORE
) -> Verdict:
    """The verdict in an answer; raises PointFailure `bad_decision`, also when it answers another question."""
    problem = _shape("decision-1").problem(answer)
    if problem:
        raise PointFailure("bad_decision", problem)
    if answer["request_id"] != request_id or answer["bundle"] != {"revision": revision, "seq": seq}:
        raise PointFailure("bad_decision", "the answer belongs to another question or bundle")
    if answer.get("phase", Phase.BEFORE) != phase:
        raise PointFailure("bad_decision", f"the answer is not about the phase {phase}")
    verdict = _verdict(answer)
    if _strictest(verdict.reasons) is not verdict.effect:
        raise PointFailure("bad_decision", "the effect is not that of the strictest reason")
    return verdict


def _verdict(answer: Mapping[str, Any]) -> Verdict:
    return Verdict(
        effect=Effect(answer["effect"]),
        reasons=_reasons(answer["reasons"]),
        obligations=one_approval(answer["obligations"]),
        route=tuple(answer["route"]),
        retry_after_s=answer["retry_after_s"],
        observed=_reasons(answer.get("observed", [])),
    )


def _reasons(told: Iterable[Mapping[str, Any]]) -> tuple[Reason, ...]:
    return tuple(Reason(Effect(r["effect"]), r["code"], r["rule"], r["message"]) for r in told)


def one_approval(obligations: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The obligations with all `approval` ones merged into one that satisfies each of them."""
    asked = [dict(o) for o in obligations]
    approvals = [o for o in asked if o["type"] == "approval"]
    others = [o for o in asked if o["type"] != "approval"]
    return (*others, _merged(approvals)) if approvals else tuple(others)


def _merged(approvals: list[dict[str, Any]]) -> dict[str, Any]:
    tiers = {o["tier"] for o in approvals}
    # two people on one side, a high permission on the other: only `critical` is both
    tier = "critical" if {"two_person", "high"} <= tiers else max(tiers, key=_TIERS.index)
    roles = _places([o.get("roles", []) for o in approvals])
    people = [len(roles), 2 if tier in ("two_person", "critical") else 1]
    return {
        "type": "approval",
        "tier": tier,
        "quorum": max(*people, *(o["quorum"] for o in approvals)),
        "distinct_roles": any(o["distinct_roles"] for o in approvals),
        "expires_s": min(o["expires_s"] for o in approvals),
        **({"roles": roles} if roles else {}),
    }


def _places(asked: list[list[str]]) -> list[str]:
    """The fewest places that satisfy each of them: of every role, as many as one of them wants at most."""
    names = sorted({role for roles in asked for role in roles})
    return [role for role in names for _ in range(max(roles.count(role) for roles in asked))]


def _strictest(reasons: tuple[Reason, ...]) -> Effect:
    found = {reason.effect for reason in reasons}
    return next((effect for effect in Effect if effect in found), Effect.ALLOW)


def _refuse_unfit(value: object, depth: int) -> None:
    if depth < 0:
        raise BadInput(f"nested deeper than {DEEPEST_INPUT}")
    if isinstance(value, float):
        raise BadInput("floating point numbers are not part of the contract")
    members = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for member in members:
        _refuse_unfit(member, depth - 1)


@cache
def _shape(name: str) -> Shape:
    return Shape(json.loads((_SCHEMAS / f"{name}.json").read_text()))
