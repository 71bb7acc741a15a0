"""Golden cases: a question written down with the answer that it must get. Pure.

A case is `{name, input, expect: {effect, codes}}`. Its `input` is laid over BASE, member by member, so it says only
what matters; the whole must be an `interlock.input/1`. `codes`, when given, are all reason codes of the answer.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies import contract
from policies.contract import BadInput
from policies.engine.protocol import PointFailure
from policies.types import Effect, Verdict

MOST_CASES = 500
REVISION, SEQ = "trial", 1
REQUEST = "golden"
_DIGEST = "0" * 64

BASE: Mapping[str, Any] = {
    "schema": "interlock.input/1",
    "request_id": REQUEST,
    "pep": "gateway",
    "tenant": "golden",
    "workspace": "golden",
    "environment": "prod",
    "action": "tool.call",
    "subject": {"id": "golden", "type": "service", "roles": [], "on_behalf_of": None},
    "resource": {
        "type": "tool",
        "tool": "golden.nothing.do",
        "tool_version": "1.0.0",
        "connector": "golden",
        "kind": "write",
        "risk": "medium",
        "reversibility": "reversible",
        "data_classes": [],
        "workflow": "golden",
        "workflow_version": "1.0.0",
        "args": {},
    },
    "context": {"now_ns": 1_000_000_000, "lane": "forward", "attempt": 1, "writes_so_far": 0},
    "approvals": [],
    "action_digest": _DIGEST,
}
"""A sound question that nobody grants."""


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    document: dict[str, Any]
    effect: Effect
    codes: frozenset[str] | None


class BadCase(ValueError):
    """A case does not say what it must; the text names the member."""


def read(case: object) -> Case:
    """Raises BadCase."""
    if not isinstance(case, Mapping) or not set(case) <= {"name", "input", "expect"}:
        raise BadCase("a case has the members name, input and expect")
    name, given, expect = (case.get(member) for member in ("name", "input", "expect"))
    if not isinstance(name, str) or not 0 < len(name) <= 200:
        raise BadCase("name is a text of up to 200 characters")
    if not isinstance(given, Mapping) or not isinstance(expect, Mapping):
        raise BadCase(f"{name}: input and expect are objects")
    return Case(name, _document(name, given), *_expected(name, expect))


def text_of(cases: Sequence[Any]) -> str:
    """Cases as people edit them: each begins on a line of its own, after two spaces."""
    return json.dumps(list(cases), indent=2, ensure_ascii=False)


def line_of(text: str, number: int) -> int:
    """Where the case of that number begins in such a text."""
    begins = [at for at, line in enumerate(text.split("\n"), start=1) if line.startswith("  {")]
    return begins[number - 1] if 0 < number <= len(begins) else 1


def differences(case: Case, answer: object) -> tuple[str, str]:
    """What was found, and how it differs from what was expected ("" when it does not)."""
    try:
        verdict = _verdict(answer)
    except PointFailure as failure:
        return "no decision", f"the answer is outside the contract: {failure.detail}"
    codes = {reason.code for reason in verdict.reasons}
    told = [] if verdict.effect is case.effect else [f"effect {verdict.effect}, expected {case.effect}"]
    told += _about_codes(codes, case.codes)
    return _shown(verdict.effect, codes), "; ".join(told)


def expected(case: Case) -> str:
    return _shown(case.effect, case.codes or set())


def over(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the members of `changes`; objects are laid over each other, everything else is replaced."""
    laid = dict(base)
    for name, value in changes.items():
        known = laid.get(name)
        both = isinstance(known, Mapping) and isinstance(value, Mapping) and name != "args"
        laid[name] = over(known, value) if both else value  # type: ignore[arg-type]
    return laid


def _document(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    document = {**over(BASE, given), "request_id": REQUEST}
    try:
        contract.encode(document)
        contract.check_input(document)
    except BadInput as error:
        raise BadCase(f"{name}: the input is no interlock.input/1: {error}") from error
    return document


def _expected(name: str, expect: Mapping[str, Any]) -> tuple[Effect, frozenset[str] | None]:
    effect, codes = expect.get("effect"), expect.get("codes")
    if effect not in {known.value for known in Effect}:
        raise BadCase(f"{name}: expect.effect is one of {', '.join(Effect)}")
    if codes is not None and not (isinstance(codes, Sequence) and all(isinstance(code, str) for code in codes)):
        raise BadCase(f"{name}: expect.codes is a list of texts")
    return Effect(str(effect)), None if codes is None else frozenset(codes)


def _verdict(answer: object) -> Verdict:
    if not isinstance(answer, Mapping):
        raise PointFailure("bad_decision", "there is no decision")
    return contract.read_decision(answer, request_id=REQUEST, revision=REVISION, seq=SEQ)


def _about_codes(found: set[str], wanted: frozenset[str] | None) -> list[str]:
    if wanted is None:
        return []
    missing, surplus = sorted(wanted - found), sorted(found - wanted)
    told = [f"missing code {', '.join(missing)}"] if missing else []
    return told + ([f"unexpected code {', '.join(surplus)}"] if surplus else [])


def _shown(effect: Effect, codes: "set[str] | frozenset[str]") -> str:
    return f"{effect.value} {', '.join(sorted(codes))}".strip()
