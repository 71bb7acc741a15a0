import pytest

from workflows.definition.expressions import (
    ExpressionError,
    Names,
    evaluate,
    fill,
    holds,
    parts_of,
    steps_named,
)

NAMES = Names(frozenset({"triage", "write"}))
VALUES = {
    "trigger": {"sys_id": "9d38", "n": 7},
    "constants": {"groups": {"grp_1": {"sys_id": "287e"}}},
    "run": {"id": "r1"},
    "steps.triage.output": {"category": "network", "confidence": 90, "none": None, "share": 0.5},
    "steps.triage.state": "SUCCEEDED",
    "steps.write.output": {},
    "steps.write.state": "SKIPPED",
}

GOOD = {
    "trigger.sys_id": "9d38",
    "trigger.n + 1": 8,
    "constants.groups['grp_1'].sys_id": "287e",
    "constants.groups.map(id, id)": ["grp_1"],
    "steps.triage.output.confidence >= 80 ? 'sure' : 'unsure'": "sure",
    "has(steps.write.output.number)": False,
    "steps.write.state == 'SKIPPED'": True,
    "steps.triage.output.none": None,
    "{'a': [1, 'x', true]}": {"a": [1, "x", True]},
}

BAD = {
    "steps.other.output": "undeclared reference",
    "steps['triage']": "undeclared reference",
    "now()": "undeclared reference",
    "event.sys_id": "undeclared reference",
    "1 +": "Syntax error",
    "trigger.missing": "Key not found",
    "steps.triage.output.share": "float",
    "b'bytes'": "bytearray",
    "timestamp('2026-01-01T00:00:00Z')": "datetime",
    "9223372036854775807 + trigger.n": "overflow",
    "1 / 0": "divide by zero",
    "x" * 1001: "longer than",
    "(" * 400 + "1" + ")" * 400: "recursion",
    "[1,2,3,4,5,6,7,8,9,0].all(a, " * 6 + "true" + ")" * 6: "budget",
}


@pytest.mark.parametrize("expression", GOOD)
def test_an_expression_has_its_json_value(expression):
    assert evaluate(expression, NAMES, VALUES) == GOOD[expression]


@pytest.mark.parametrize("expression", BAD)
def test_a_bad_expression_is_refused_with_a_reason(expression):
    with pytest.raises(ExpressionError, match=BAD[expression]):
        evaluate(expression, NAMES, VALUES)


def test_an_error_names_line_and_column():
    with pytest.raises(ExpressionError) as refused:
        evaluate("1 +\n  nothing", NAMES, VALUES)
    assert refused.value.extra == {"line": 2, "column": 3}


def test_a_condition_must_be_true_or_false():
    assert holds("trigger.n == 7", NAMES, VALUES) is True
    with pytest.raises(ExpressionError, match="not true or false"):
        holds("trigger.n", NAMES, VALUES)


def test_a_text_that_is_one_expression_keeps_its_type():
    tree = {
        "n": "${{ trigger.n }}",
        "text": "n=${{ trigger.n }}!",
        "deep": ["${{ steps.triage.output.none }}"],
        "k": 1,
    }
    assert fill(tree, NAMES, VALUES) == {"n": 7, "text": "n=7!", "deep": [None], "k": 1}


def test_a_map_cannot_stand_inside_a_text():
    with pytest.raises(ExpressionError, match="cannot stand inside a text"):
        fill("it is ${{ trigger }}", NAMES, VALUES)


def test_what_data_says_is_never_evaluated_again():
    values = VALUES | {"trigger": {"sys_id": "${{ constants.groups }}"}}
    assert fill("${{ trigger.sys_id }}", NAMES, values) == "${{ constants.groups }}"


@pytest.mark.parametrize("text", ["${{ {'a': {'b': 1}} }}", "${{ '}}' }}", '${{ "a\\"}}" }}', "${{ {'}}': '{{'} }}"])
def test_braces_and_quotes_inside_do_not_end_an_expression(text):
    (only,) = parts_of(text)
    assert only.expression == text[3:-2].strip()


def test_an_open_expression_is_refused():
    with pytest.raises(ExpressionError, match="not closed"):
        parts_of("a ${{ trigger.n }")


def test_steps_in_quotes_are_not_references():
    assert steps_named(["steps.triage.output.x == 'steps.write.output'"]) == {"triage"}
