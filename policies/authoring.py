"""What a pack must pass before it is signed: parse, gate, compile with the platform, its tests, its cases, a canary.
No Django.

Done in a child of its own, so that a draft never touches the evaluator that serves.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from policies import canary, coverage, diagnosis, gate, golden, packs, report
from policies.engine import workshop
from policies.engine.process import EvaluatorProcess, Refusal
from policies.engine.protocol import DECISION_ENTRYPOINT
from policies.engine.workshop import Purpose
from policies.errors import PolicyRefused
from policies.gate import Finding, finding
from policies.golden import BadCase, Case
from policies.places import Text
from policies.types import Asked, Effect, PackSource

CHECK_S = 10.0
BUNDLE = "bundle"
ENFORCEMENTS = ("observe", "enforce")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_TEST = re.compile(r"test_[a-z0-9_]{1,100}")

Sources = Mapping[str, PackSource]
Trees = dict[str, dict[str, Any]]


@dataclass
class Examined:
    """What came of a check. `trees` by `<pack>` and `<pack>/tests`; the rest about the packs that are covered."""

    findings: list[Finding]
    trees: Trees = field(default_factory=dict)
    tests: list[dict[str, Any]] = field(default_factory=list)
    golden: list[dict[str, Any]] = field(default_factory=list)
    coverage: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] | None = None


def check(sources: Sources, *, confined_only: bool) -> None:
    """Raises PolicyRefused with `findings`, or PointFailure when no evaluator can be had or one was stalled."""
    refuse(examine(sources, confined_only=confined_only).findings)


def examine(
    sources: Sources,
    *,
    confined_only: bool,
    covering: Sequence[str] = (),
    minimum: int = 0,
    before: PackSource | None = None,
) -> Examined:
    """Everything there is to say about packs that are to stand together; the first stage with findings is the last.

    `covering`: packs of which `minimum` percent of the lines must be evaluated by their tests and cases. `before`: a
    pack whose tree is wanted as well, to compare with.
    """
    found = [finding(name, "bad_name", name) for name in sources if not allowed_name(name)]
    found += [odd for name, pack in sources.items() for odd in _enforcement(name, pack)]
    if found:
        return Examined(found)
    with workshop.evaluator(Purpose.AUTHORING, confined_only=confined_only) as author:
        done = Examined([])
        for stage in (_parse, _inspect, _compile, _try_out, _canaries):
            done.findings = stage(author, sources, done, tuple(covering), minimum)
            if done.findings:
                break
        if before is not None:
            done.before = author.ask({"verb": "parse", "modules": {"m": before.source}}, deadline_s=CHECK_S)["m"]
        return done


def modules(sources: Sources) -> dict[str, str]:
    """Every module of a bundle by path: the platform's and the packs'."""
    return {**packs.platform_modules(), **{packs.path_of(name): pack.source for name, pack in sources.items()}}


def data(sources: Sources) -> dict[str, Any]:
    """The members of `data.interlock` that packs bring along, and what else they want to be asked about. Versions make
    two releases of one text two bundles."""
    config = {name: dict(pack.data) for name, pack in sources.items()}
    versions = {name: pack.version for name, pack in sources.items() if pack.version}
    asked = sorted(name for name in _RULES if _anywhere(sources, _RULES[name]))
    return {"config": config, "asked": asked, **({"versions": versions} if versions else {})}


def _anywhere(sources: Sources, rule: str) -> bool:
    """A rule cannot be written without its name, so a pack without the word has no such rule."""
    return any(rule in pack.source for pack in sources.values())


_RULES = {Asked.AFTER: "post_findings", Asked.STEPS: "step_findings"}


def refuse(findings: Sequence[Finding]) -> None:
    if findings:
        first = findings[0]
        said = f"{first.module}:{first.line}:{first.column}: {first.code}: {first.message}"
        raise PolicyRefused(said, findings=report.told(findings))


def _enforcement(name: str, pack: PackSource) -> list[Finding]:
    """`enforcement` in the configuration of a pack: `observe` or `enforce`, by the ids of its rules."""
    modes = pack.data.get("enforcement", {})
    if not isinstance(modes, Mapping):
        return [finding(f"{name}/data", "bad_enforcement", "an object of rule ids is expected")]
    odd = sorted(rule for rule, mode in modes.items() if mode not in ENFORCEMENTS)
    return [finding(f"{name}/data", "bad_enforcement", f"{rule}: {' or '.join(ENFORCEMENTS)}") for rule in odd]


def allowed_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name not in gate.RESERVED


def _parse(author: EvaluatorProcess, sources: Sources, done: Examined, *_more: object) -> list[Finding]:
    found: list[Finding] = []
    for name, text in _texts(sources).items():
        try:
            done.trees |= author.ask({"verb": "parse", "modules": {name: text}}, deadline_s=CHECK_S)
        except Refusal as refusal:
            found += diagnosis.findings(refusal.message, {name: (name, text)}, usual=name, code="does_not_parse")
    return found


def _texts(sources: Sources) -> dict[str, str]:
    """What is Rego, by the name that findings use."""
    texts = {name: pack.source for name, pack in sources.items()}
    return texts | {f"{name}/tests": pack.tests for name, pack in sources.items() if pack.tests}


def _inspect(_author: EvaluatorProcess, sources: Sources, done: Examined, *_more: object) -> list[Finding]:
    found: list[Finding] = []
    for name, tree in done.trees.items():
        pack, _, tests = name.partition("/")
        inspect = gate.inspect_tests if tests else gate.inspect_pack
        found += inspect(pack, tree, sources[pack].tests if tests else sources[pack].source)
    return found


def _compile(author: EvaluatorProcess, sources: Sources, *_more: object) -> list[Finding]:
    """Everything together, without running any of it."""
    try:
        author.ask(_questions(sources, [], ()), deadline_s=CHECK_S)
    except Refusal as refusal:
        return diagnosis.findings(refusal.message, _by_path(sources), usual=BUNDLE, code="does_not_compile")
    return []


def _by_path(sources: Sources) -> dict[str, tuple[str, str]]:
    known = {packs.path_of(name): (name, pack.source) for name, pack in sources.items()}
    return known | {_tests_path(name): (f"{name}/tests", pack.tests) for name, pack in sources.items()}


def _try_out(
    author: EvaluatorProcess, sources: Sources, done: Examined, covering: tuple[str, ...], minimum: int
) -> list[Finding]:
    """Tests and cases; one passes with `true`, or with exactly the answer that is expected."""
    cases, found = _cases(sources)
    rules = [(pack, rule) for name, tree in done.trees.items() for pack, rule in _test_rules(name, tree)]
    asked: list[tuple[str, dict[str, Any]]] = [(f"interlock.tests.{pack}.{rule}", {}) for pack, rule in rules]
    asked += [(DECISION_ENTRYPOINT, case.document) for _, _, case in cases]
    answer = author.ask(_questions(sources, asked, covering), deadline_s=CHECK_S)
    answers = answer["answers"]
    found += _tests(sources, rules, answers[: len(rules)], done, covering)
    found += _goldens(cases, answers[len(rules) :], done, covering)
    spans = {path.rpartition("/")[2].removesuffix(".rego"): known for path, known in answer["spans"].items()}
    done.coverage = coverage.summary(spans, minimum)
    return found or list(_uncovered(done, covering))


def _questions(sources: Sources, asked: Sequence[Any], covering: Sequence[str]) -> dict[str, Any]:
    tests = {_tests_path(name): pack.tests for name, pack in sources.items() if pack.tests}
    everything = {"modules": {**modules(sources), **tests}, "data": _trial_data(sources)}
    return {"verb": "cover", **everything, "questions": asked, "covering": [packs.path_of(name) for name in covering]}


def _tests_path(name: str) -> str:
    return f"interlock/tests/{name}.rego"


def _test_rules(name: str, tree: Mapping[str, Any]) -> list[tuple[str, str]]:
    pack, _, tests = name.partition("/")
    heads = {str(rule["head"].get("name", "")) for rule in tree.get("rules", [])} if tests else set()
    return [(pack, head) for head in sorted(heads) if _TEST.fullmatch(head)]


def _tests(
    sources: Sources,
    rules: Sequence[tuple[str, str]],
    answers: Sequence[Mapping[str, Any]],
    done: Examined,
    covering: tuple[str, ...],
) -> list[Finding]:
    found = []
    for (pack, rule), answer in zip(rules, answers, strict=True):
        detail = _failure(answer)
        if pack in covering:
            done.tests.append({"name": rule, "passed": not detail, "detail": detail})
        if detail:
            place = Text(sources[pack].tests).of_rule(rule)
            found.append(finding(f"{pack}/tests", "test_failed", f"{rule}: {detail}", place))
    return found


def _failure(answer: Mapping[str, Any]) -> str:
    """Why a test does not pass, "" when it does."""
    if "error" not in answer:
        return "" if answer["value"] is True else f"is {answer['value']!r:.200}, not true"
    error = answer["error"]
    return "is undefined, not true" if error["code"] == "undefined" else str(error["message"])[:300]


def _cases(sources: Sources) -> tuple[list[tuple[str, int, Case]], list[Finding]]:
    """Pack, number and case; and what is no case."""
    cases, found = [], []
    for name, pack in sources.items():
        for number, told in enumerate(pack.golden, 1):
            try:
                cases.append((name, number, golden.read(told)))
            except BadCase as error:
                found.append(finding(f"{name}/golden", "bad_case", str(error), (number, 1)))
    return cases, found


def _goldens(
    cases: Sequence[tuple[str, int, Case]],
    answers: Sequence[Mapping[str, Any]],
    done: Examined,
    covering: tuple[str, ...],
) -> list[Finding]:
    found = []
    for (pack, number, case), answer in zip(cases, answers, strict=True):
        got, detail = golden.differences(case, answer.get("value"))
        if pack in covering:
            told = {"name": case.name, "passed": not detail, "expected": golden.expected(case), "found": got}
            done.golden.append({**told, "detail": detail})
        if detail:
            found.append(finding(f"{pack}/golden", "golden_failed", f"{case.name}: {detail}", (number, 1)))
    return found


def _uncovered(done: Examined, covering: tuple[str, ...]) -> Iterator[Finding]:
    told = done.coverage
    for pack in covering:
        runs = told["uncovered"].get(pack, [])
        if not (done.tests or done.golden):
            yield finding(pack, "no_tests", "no rule test_… and no golden case")
        elif runs and told["percent"] < told["minimum"]:
            lines = f"lines {coverage.named(runs)} are never evaluated"
            said = f"{told['percent']} % of the lines are covered, {told['minimum']} % are asked for: {lines}"
            yield finding(pack, "coverage_too_low", said, (runs[0][0], 1))


def _canaries(author: EvaluatorProcess, sources: Sources, *_more: object) -> list[Finding]:
    """What nobody can have meant to allow must be denied, also when it is fully approved."""
    common = {"key": "canary", "entrypoint": DECISION_ENTRYPOINT}
    load = {"verb": "load", "modules": modules(sources), "data": _trial_data(sources), **common}
    found = []
    try:
        author.ask(load, deadline_s=CHECK_S)
        for document in canary.documents():
            answer = author.ask({"verb": "evaluate", "document": document, **common}, deadline_s=CHECK_S)
            if answer.get("effect") != Effect.DENY:
                said = f"an action of a tool and workflow that do not exist is {answer.get('effect')}: "
                found.append(finding(BUNDLE, "grants_everything", said + document["action"]))
    except Refusal as refusal:
        found.append(finding(BUNDLE, "does_not_evaluate", refusal.message))
    return found


def _trial_data(sources: Sources) -> dict[str, Any]:
    bundle = {"revision": golden.REVISION, "seq": golden.SEQ, "issued_ns": 0, "not_after_ns": 1 << 62}
    return {"interlock": {**data(sources), "bundle": bundle}}
