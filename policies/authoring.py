"""What a pack must pass before it is signed: parse, gate, compile with the platform, its tests, a canary. No Django.

Done in a child of its own, so that a draft never touches the evaluator that serves.
"""

import re
from collections.abc import Mapping
from typing import Any

from policies import canary, gate, packs
from policies.engine import workshop
from policies.engine.process import EvaluatorProcess, Refusal
from policies.engine.protocol import DECISION_ENTRYPOINT
from policies.engine.workshop import Purpose
from policies.errors import PolicyRefused
from policies.gate import Finding
from policies.types import Asked, Effect, PackSource

CHECK_S = 10.0
ENFORCEMENTS = ("observe", "enforce")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_TEST = re.compile(r"test_[a-z0-9_]{1,100}")


def check(sources: Mapping[str, PackSource], *, confined_only: bool) -> None:
    """Raises PolicyRefused with `findings`, or PointFailure when no evaluator can be had or one was stalled."""
    refuse([Finding(name, "bad_name", name) for name in sources if not _allowed_name(name)])
    refuse([found for name, pack in sources.items() for found in _enforcement(name, pack)])
    with workshop.evaluator(Purpose.AUTHORING, confined_only=confined_only) as author:
        trees = _parsed(author, sources)
        refuse(_gated(trees))
        refuse(_tested(author, sources, trees))
        refuse(_canaries(author, sources))


def modules(sources: Mapping[str, PackSource]) -> dict[str, str]:
    """Every module of a bundle by path: the platform's and the packs'."""
    return {**packs.platform_modules(), **{packs.path_of(name): pack.source for name, pack in sources.items()}}


def data(sources: Mapping[str, PackSource]) -> dict[str, Any]:
    """The members of `data.interlock` that packs bring along, and what else they want to be asked about."""
    config = {name: dict(pack.data) for name, pack in sources.items()}
    return {"config": config, "asked": sorted(name for name in _RULES if _anywhere(sources, _RULES[name]))}


def _anywhere(sources: Mapping[str, PackSource], rule: str) -> bool:
    """A rule cannot be written without its name, so a pack without the word has no such rule."""
    return any(rule in pack.source for pack in sources.values())


_RULES = {Asked.AFTER: "post_findings", Asked.STEPS: "step_findings"}


def refuse(findings: list[Finding]) -> None:
    if findings:
        shown = [{"module": f.module, "code": f.code, "detail": f.detail[:400]} for f in findings[:50]]
        first = shown[0]
        raise PolicyRefused(f"{first['module']}: {first['code']}: {first['detail']}", findings=shown)


def _enforcement(name: str, pack: PackSource) -> list[Finding]:
    """`enforcement` in the configuration of a pack: `observe` or `enforce`, by the ids of its rules."""
    modes = pack.data.get("enforcement", {})
    if not isinstance(modes, Mapping):
        return [Finding(name, "bad_enforcement", "an object of rule ids is expected")]
    odd = sorted(rule for rule, mode in modes.items() if mode not in ENFORCEMENTS)
    return [Finding(name, "bad_enforcement", f"{rule}: {' or '.join(ENFORCEMENTS)}") for rule in odd]


def _allowed_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name not in gate.RESERVED


def _parsed(author: EvaluatorProcess, sources: Mapping[str, PackSource]) -> dict[str, dict[str, Any]]:
    """Trees by `<pack>` and, where there are tests, `<pack>/tests`."""
    texts = {name: pack.source for name, pack in sources.items()}
    texts |= {f"{name}/tests": pack.tests for name, pack in sources.items() if pack.tests}
    trees: dict[str, dict[str, Any]] = {}
    for name, text in texts.items():
        try:
            trees |= author.ask({"verb": "parse", "modules": {name: text}}, deadline_s=CHECK_S)
        except Refusal as refusal:
            refuse([Finding(name, "does_not_parse", refusal.message)])
    return trees


def _gated(trees: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    found: list[Finding] = []
    for name, tree in trees.items():
        pack, _, tests = name.partition("/")
        found += gate.inspect_tests(pack, tree) if tests else gate.inspect_pack(pack, tree)
    return found


def _tested(
    author: EvaluatorProcess, sources: Mapping[str, PackSource], trees: Mapping[str, Mapping[str, Any]]
) -> list[Finding]:
    """Compile everything together and run the tests; a test passes with `true` and nothing else."""
    rules = [rule for name, tree in trees.items() if "/" in name for rule in _test_rules(name, tree)]
    request = {"verb": "test", "modules": _with_tests(sources), "data": _trial_data(sources), "rules": rules}
    try:
        values: dict[str, Any] = author.ask(request, deadline_s=CHECK_S)
    except Refusal as refusal:
        return [Finding("bundle", "does_not_compile", refusal.message)]
    return [Finding(rule, "test_failed", str(value)) for rule, value in values.items() if value is not True]


def _test_rules(name: str, tree: Mapping[str, Any]) -> list[str]:
    pack = name.partition("/")[0]
    heads = {str(rule["head"].get("name", "")) for rule in tree.get("rules", [])}
    return [f"interlock.tests.{pack}.{head}" for head in sorted(heads) if _TEST.fullmatch(head)]


def _with_tests(sources: Mapping[str, PackSource]) -> dict[str, str]:
    tests = {f"interlock/tests/{name}.rego": pack.tests for name, pack in sources.items() if pack.tests}
    return {**modules(sources), **tests}


def _canaries(author: EvaluatorProcess, sources: Mapping[str, PackSource]) -> list[Finding]:
    """What nobody can have meant to allow must be denied, also when it is fully approved."""
    common = {"key": "canary", "entrypoint": DECISION_ENTRYPOINT}
    load = {"verb": "load", "modules": modules(sources), "data": _trial_data(sources), **common}
    found = []
    try:
        author.ask(load, deadline_s=CHECK_S)
        for document in canary.documents():
            answer = author.ask({"verb": "evaluate", "document": document, **common}, deadline_s=CHECK_S)
            if answer.get("effect") != Effect.DENY:
                found.append(Finding("bundle", "grants_everything", document["action"]))
    except Refusal as refusal:
        found.append(Finding("bundle", "does_not_evaluate", refusal.message))
    return found


def _trial_data(sources: Mapping[str, PackSource]) -> dict[str, Any]:
    bundle = {"revision": "trial", "seq": 1, "issued_ns": 0, "not_after_ns": canary.LATER_NS}
    return {"interlock": {**data(sources), "bundle": bundle}}
