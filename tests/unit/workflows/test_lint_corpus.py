"""The lint corpus: every malformed workflow is refused with code, place and remedy; every good one passes.

A case is `lint_corpus/<name>.yaml` with what is found in `<name>.findings`: `line:column code: hint`, one a line.
"""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.made_up_catalogue import CATALOGUE
from workflows.definition.findings import DefinitionRefused
from workflows.definition.loading import load
from workflows.definition.source import parse

HERE = Path(__file__).parent
BAD = sorted((HERE / "lint_corpus").glob("*.yaml"))
GOOD = sorted((HERE / "lint_good").glob("*.yaml"))
FEWEST = 30


def read(path):
    return load(path.read_text(encoding="utf-8"), file=path.name, catalogue=CATALOGUE)


def test_the_corpus_is_large_enough():
    assert len(BAD) >= FEWEST
    assert {path.stem for path in BAD} == {path.stem for path in (HERE / "lint_corpus").glob("*.findings")}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_malformed_workflow_is_refused_with_place_and_remedy(path):
    with pytest.raises(DefinitionRefused) as refused:
        read(path)
    found = [f"{f.place.line}:{f.place.column} {f.code}: {f.hint}" for f in refused.value.findings]
    assert found == path.with_suffix(".findings").read_text(encoding="utf-8").splitlines()
    assert all(finding.place.file == path.name for finding in refused.value.findings)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_workflow_passes(path):
    assert read(path).steps


def test_a_secret_is_not_repeated_in_what_is_said_about_it():
    with pytest.raises(DefinitionRefused) as refused:
        read(HERE / "lint_corpus" / "secret-token.yaml")
    assert "xoxb-" not in str(refused.value)


LINES = [line for path in [*BAD, *GOOD] for line in path.read_text(encoding="utf-8").splitlines()]
SNIPPETS = [
    "${{",
    "}}",
    "{",
    "]",
    ": ",
    "- ",
    "&a",
    "*a",
    "!!python/name:os",
    "\t",
    "\x00",
    "'",
    '"',
    "1.5",
    "~",
    "|",
    "<<: ",
]


NAMES = st.sampled_from(
    ["steps", "call", "with", "when", "needs", "id", "foreach", "items", "as", "type", "x", "$ref", "pattern"]
)
EXPRESSIONS = [
    "${{ trigger.x }}",
    "${{ steps.ask.output }}",
    "${{ 1.5 }}",
    "${{ [[]][0] }}",
    "${{ steps.a",
    "facts",
    "[a",
]
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5000), st.text(max_size=4), st.sampled_from(EXPRESSIONS)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_mutated_definition_is_read_or_refused_and_nothing_else(data):
    lines = data.draw(st.sampled_from([*GOOD, *BAD])).read_text(encoding="utf-8").splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at] = data.draw(_changed(lines[at]))
    _survives("\n".join(lines))


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from(LINES), max_size=25).map("\n".join)))
def test_any_text_is_read_or_refused_and_nothing_else(text):
    _survives(text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_definition_with_another_value_anywhere_is_read_or_refused_and_nothing_else(data):
    path = data.draw(st.sampled_from(GOOD))
    tree = parse(path.read_text(encoding="utf-8"), file=path.name).value
    for _ in range(data.draw(st.integers(1, 3))):
        _put(data, tree)
    _survives(json.dumps(tree))


def _survives(text):
    found = _findings(text)
    assert all(f.code and f.message and f.hint and f.place.line >= 1 for f in found)


def _findings(text):
    try:
        load(text, file="w.yaml", catalogue=CATALOGUE)
    except DefinitionRefused as refused:
        return refused.findings or [None]
    return []


def _put(data, tree):
    """Another value for one member, somewhere down the tree."""
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            node[key] = data.draw(VALUES)
            return
        node = node[key]


def _changed(line):
    """A line cut, doubled, replaced by another, or with something put into it."""
    cut = st.integers(0, len(line))
    return st.one_of(
        cut.map(lambda at: line[:at]),
        st.just(f"{line}\n{line}"),
        st.sampled_from(LINES),
        st.tuples(cut, st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=5))).map(
            lambda put: line[: put[0]] + put[1] + line[put[0] :]
        ),
        st.tuples(cut, cut).map(lambda ends: line[: min(ends)] + line[max(ends) :]),
    )
