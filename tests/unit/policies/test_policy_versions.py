"""How much a pack changed, read from OPA's own trees, and which version that asks for."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import packs, versions
from policies.engine import embedded
from policies.engine.process import EvaluatorProcess
from policies.types import PackSource
from policies.versions import Bump

BASE = """package interlock.packs.mine

import data.interlock.lib

limit := 5

grants contains {"rule": "interlock.packs.mine.read"} if input.resource.tool == "a.b"

findings contains {
	"effect": "REQUIRE_HITL",
	"code": "asks",
	"rule": "interlock.packs.mine.read",
	"message": "Ask somebody.",
	"obligations": [lib.approval("two_person", 3600)],
} if {
	input.resource.tool == "a.b"
	input.context.writes_so_far > limit
}
"""
ASKS = '"effect": "REQUIRE_HITL"'
NEW_GRANT = 'grants contains {"rule": "interlock.packs.mine.more"} if input.resource.tool == "a.c"\n'


@pytest.fixture(scope="module")
def author() -> Iterator[EvaluatorProcess]:
    process = embedded.start(confined_only=False)
    yield process
    process.kill()


def tree(author: EvaluatorProcess, source: str) -> Any:
    return author.ask({"verb": "parse", "modules": {"m": source}}, deadline_s=5)["m"]


TABLE = [
    ("nothing", BASE, Bump.NONE),
    ("a comment", BASE + "\n# more\n", Bump.PATCH),
    ("layout", BASE.replace("limit := 5", "limit   :=    5"), Bump.PATCH),
    ("words for people", BASE.replace("Ask somebody.", "Ask anybody."), Bump.PATCH),
    ("a new grant", BASE + NEW_GRANT, Bump.MINOR),
    ("a new code", BASE + BASE[BASE.index("findings") :].replace('"asks"', '"also"'), Bump.MINOR),
    ("a stricter effect", BASE.replace(ASKS, '"effect": "DENY"'), Bump.MINOR),
    ("another condition", BASE.replace("> limit", ">= limit"), Bump.MINOR),
    ("another constant", BASE.replace("limit := 5", "limit := 6"), Bump.MINOR),
    ("a looser effect", BASE.replace(ASKS, '"effect": "ALLOW"'), Bump.MAJOR),
    ("only observed", BASE.replace(ASKS, f'{ASKS}, "enforcement": "observe"'), Bump.MAJOR),
    ("a code renamed", BASE.replace('"asks"', '"asks_somebody"'), Bump.MAJOR),
    ("a rule renamed", BASE.replace("mine.read", "mine.look"), Bump.MAJOR),
    ("a finding gone", BASE[: BASE.index("findings")], Bump.MAJOR),
    ("a grant gone", BASE.replace("grants contains", "others contains"), Bump.MAJOR),
    ("fewer people", BASE.replace("two_person", "standard"), Bump.MAJOR),
    ("no obligation", BASE.replace('\t"obligations": [lib.approval("two_person", 3600)],\n', ""), Bump.MAJOR),
]


@pytest.mark.parametrize(("_name", "source", "bump"), TABLE, ids=[row[0] for row in TABLE])
def test_a_change_of_the_rego_asks_for(author: EvaluatorProcess, _name: str, source: str, bump: Bump) -> None:
    before, after = PackSource(BASE), PackSource(source)
    found = versions.changes(before, tree(author, BASE), after, tree(author, source))
    assert versions.bump_of(found) is bump, found
    assert all(change.what for change in found)


@pytest.mark.parametrize(
    ("before", "after", "bump"),
    [
        ({}, {"n": 1}, Bump.MINOR),
        ({"n": 1}, {"n": 2}, Bump.MINOR),
        ({"n": 1}, {}, Bump.MAJOR),
        ({}, {"enforcement": {"interlock.packs.mine.read": "observe"}}, Bump.MAJOR),
        ({"enforcement": {"interlock.packs.mine.read": "observe"}}, {}, Bump.MINOR),
        ({"enforcement": {"x": "observe"}}, {"enforcement": {"x": "enforce"}}, Bump.MINOR),
    ],
)
def test_a_change_of_the_configuration_asks_for(author: EvaluatorProcess, before: Any, after: Any, bump: Bump) -> None:
    same = tree(author, BASE)
    found = versions.changes(PackSource(BASE, before), same, PackSource(BASE, after), same)
    assert versions.bump_of(found) is bump, found


def test_tests_and_cases_are_a_patch(author: EvaluatorProcess) -> None:
    same, case = tree(author, BASE), {"name": "n"}
    for after in (PackSource(BASE, tests="package interlock.tests.mine"), PackSource(BASE, golden=[case])):
        assert versions.bump_of(versions.changes(PackSource(BASE), same, after, same)) is Bump.PATCH


def test_a_finding_by_name_is_read_where_it_is_written_out(author: EvaluatorProcess) -> None:
    before = packs.rego("access_review")
    after = before.replace('"code": "privileged_group"', '"code": "powerful_group"')
    found = versions.changes(PackSource(before), tree(author, before), PackSource(after), tree(author, after))
    assert versions.bump_of(found) is Bump.MAJOR
    assert any("privileged_group: gone or renamed" in change.what for change in found)


@pytest.mark.parametrize(
    ("before", "after", "bump", "enough"),
    [
        ("1.0.0", "1.0.1", Bump.PATCH, True),
        ("1.0.0", "1.0.1", Bump.MINOR, False),
        ("1.0.9", "1.1.0", Bump.MINOR, True),
        ("1.9.9", "1.10.0", Bump.MINOR, True),
        ("1.9.9", "1.10.0", Bump.MAJOR, False),
        ("1.9.9", "2.0.0", Bump.MAJOR, True),
        ("1.0.0", "1.0.0", Bump.PATCH, False),
        ("1.2.0", "1.1.9", Bump.PATCH, False),
        ("0.1.0", "0.2.0", Bump.MAJOR, False),
        ("", "1.0.0", Bump.MAJOR, True),
        ("1.0.0", "2.0.0-rc.1", Bump.PATCH, False),
        ("1.0.0", "01.1.0", Bump.PATCH, False),
    ],
)
def test_a_version_is_large_enough_or_not(before: str, after: str, bump: Bump, enough: bool) -> None:
    assert versions.suffices(before, after, bump) is enough


@given(st.tuples(*[st.integers(0, 999)] * 3), st.sampled_from([Bump.PATCH, Bump.MINOR, Bump.MAJOR]))
def test_the_least_version_is_just_enough(before: tuple[int, int, int], bump: Bump) -> None:
    text = ".".join(map(str, before))
    least = versions.least(text, bump)
    assert versions.suffices(text, least, bump)
    assert bump is Bump.MAJOR or not versions.suffices(text, least, Bump(bump + 1))
