"""What a check says: where, what and what to do; tests, cases and coverage; and the same bytes for the same packs."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies import authoring, bundles, golden
from policies.authoring import Examined
from policies.golden import BadCase
from policies.keyring import KeyRing
from policies.places import Text
from policies.types import PackSource

HEAD = "package interlock.packs.mine\n"
GRANT = 'grants contains {"rule": "interlock.packs.mine.read"} if input.resource.tool == "a.b"\n'
CASE = {"name": "read", "input": {"resource": {"tool": "a.b"}}, "expect": {"effect": "ALLOW"}}


def examined(source: str, **more: Any) -> Examined:
    pack = PackSource(HEAD + source, **more)
    return authoring.examine({"mine": pack}, confined_only=False, covering=("mine",), minimum=80)


@pytest.mark.parametrize(
    ("source", "line", "column", "code", "said"),
    [
        ("x := [", 2, 6, "does_not_parse", "rego_parse_error"),
        ('\n\tx := "abc', 3, 7, "does_not_parse", "non-terminated string"),
        ('é := "ü" + ]', 2, 1, "does_not_parse", "illegal token"),
        ("x := nothing(1)", 2, 6, "does_not_compile", "undefined function nothing"),
        ("x := y", 2, 6, "does_not_compile", "var y is unsafe"),
        ("a := 1\na contains 2", 2, 1, "does_not_compile", "conflicting rules"),
        ("x if {\n\tsome y\n\ttrue\n}", 3, 7, "does_not_compile", "declared var y unused"),
        ('x := 1 + "a"', 2, 8, "does_not_compile", "plus: invalid argument"),
        ("p if q\nq if p", 2, 1, "does_not_compile", "recursive"),
        ("default x := 1\ndefault x := 2", 3, 9, "does_not_compile", "multiple default rules"),
        ("import data.interlock.lib\nimport data.interlock.lib", 3, 8, "does_not_compile", "import must not shadow"),
        ("x if { true; http.send({}) }", 2, 14, "forbidden_builtin", "http.send"),
        ("x := 1.5", 2, 6, "fraction", "a number with a fraction"),
        ("x := 1", 1, 1, "no_tests", "no rule test_"),
    ],
)
def test_a_refusal_says_where_why_and_what_to_do(source: str, line: int, column: int, code: str, said: str) -> None:
    found = examined(source).findings[0]
    assert (found.module, found.line, found.column, found.code) == ("mine", line, column, code)
    assert said in found.message
    assert found.hint.endswith((".", "x."))


def test_a_test_that_fails_is_found_where_it_stands() -> None:
    tests = "package interlock.tests.mine\n\ntest_yes if true\n\ntest_no if false\n\ntest_odd := 1 / 0\n"
    done = examined(GRANT, tests=tests)
    assert [(f.module, f.line, f.code) for f in done.findings] == [
        ("mine/tests", 5, "test_failed"),
        ("mine/tests", 7, "test_failed"),
    ]
    assert [(test["name"], test["passed"]) for test in done.tests] == [
        ("test_no", False),
        ("test_odd", False),
        ("test_yes", True),
    ]


@pytest.mark.parametrize(
    ("expect", "detail"),
    [
        ({"effect": "ALLOW"}, ""),
        ({"effect": "ALLOW", "codes": []}, ""),
        ({"effect": "DENY"}, "effect ALLOW, expected DENY"),
        ({"effect": "ALLOW", "codes": ["c"]}, "missing code c"),
        ({"effect": "DENY", "codes": ["default_deny"]}, "effect ALLOW, expected DENY; missing code default_deny"),
    ],
)
def test_a_case_tells_the_difference(expect: dict[str, Any], detail: str) -> None:
    done = examined(GRANT, golden=[{**CASE, "expect": expect}])
    assert done.golden[0]["detail"] == detail
    assert [f.code for f in done.findings] == (["golden_failed"] if detail else [])


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"name": "n", "input": {}, "expect": {"effect": "PERMIT"}},
        {"name": "n", "input": {}, "expect": {"effect": "DENY", "codes": [1]}},
        {"name": "n", "input": {"context": {"now_ns": None}}, "expect": {"effect": "DENY"}},
        {"name": "n", "input": {"resource": {"args": {"money": 0.5}}}, "expect": {"effect": "DENY"}},
        {"name": "n", "input": {"unknown": 1}, "expect": {"effect": "DENY"}},
        {"name": "n", "input": {}, "expect": {"effect": "DENY"}, "more": 1},
        "text",
    ],
)
def test_what_is_no_case_is_refused(case: Any) -> None:
    with pytest.raises(BadCase):
        golden.read(case)


def test_the_base_of_cases_is_a_sound_question_that_nobody_grants() -> None:
    case = golden.read({"name": "base", "input": {}, "expect": {"effect": "DENY", "codes": ["default_deny"]}})
    assert examined(GRANT, golden=[{"name": case.name, "input": {}, "expect": {"effect": "DENY"}}]).golden[0]["passed"]


def test_coverage_is_that_of_the_lines_which_the_engine_evaluated() -> None:
    never = '\nfindings contains f if {\n\tinput.resource.tool == "z"\n\tf := {"effect": "DENY"}\n}\n'
    done = examined(GRANT + never, golden=[CASE])
    assert done.coverage["uncovered"] == {"mine": [[4, 6]]}
    assert (done.coverage["lines"], done.coverage["covered"], done.coverage["percent"]) == (4, 1, 25)
    [found] = done.findings
    assert (found.code, found.line) == ("coverage_too_low", 4)
    assert "25 % of the lines are covered, 80 % are asked for: lines 4-6" in found.message


def test_an_expression_that_is_never_reached_leaves_its_line_uncovered() -> None:
    done = examined(GRANT + 'x if { input.resource.tool == "z"; input.action == "b" }\n', golden=[CASE])
    assert done.coverage["uncovered"] == {"mine": [[3, 3]]}


def test_places_are_found_in_templates_and_not_in_texts_and_comments() -> None:
    text = Text('x := $"hi {http.send({"a": "}"}).b}" # http.send\ny := "http.send"\nz := http["send"](1)\n')
    assert text.of_reference(("http", "send")) == [(1, 12), (3, 6)]


RULES = st.lists(st.integers(0, 99), min_size=1, max_size=5, unique=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["mine", "yours", "third"]), st.tuples(RULES, VALUES), min_size=1))
def test_the_same_packs_are_the_same_bytes(tmp_path: Any, made: dict[str, tuple[list[int], Any]]) -> None:
    signing = KeyRing(tmp_path / "keys").signing()

    def build(names: list[str]) -> tuple[str, bytes]:
        sources = {
            name: PackSource(
                f"package interlock.packs.{name}\n" + "".join(f"r{number} := {number}\n" for number in made[name][0]),
                {"value": made[name][1]},
                version="1.0.0",
            )
            for name in names
        }
        told = {"modules": authoring.modules(sources), "data": authoring.data(sources)}
        return bundles.build(**told, key=signing.private, kid=signing.kid)

    names = list(made)
    revision, content = build(names)
    assert build(names[::-1]) == (revision, content)
    opened = bundles.open_verified(content, keys=KeyRing(tmp_path / "keys").trusted())
    assert (opened.revision, set(opened.modules) >= {f"interlock/packs/{name}.rego" for name in names}) == (
        revision,
        True,
    )
