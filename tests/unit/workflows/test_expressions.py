import pytest

from workflows.definition.expressions import (
    ExpressionCostly,
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
    "(" * 31 + "1" + ")" * 31: "nested deeper",
    "[1].all(a, " * 3 + "true" + ")" * 3: "loops inside each other",
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


COSTLY = {
    "trigger.many.map(a, trigger.many.map(b, a + b))": "budget exceeded",
    "trigger.many.map(a, trigger.fair)": "more than a run can carry",
    "trigger.many.exists(a, trigger.long.matches('x+y'))": "a loop over 2000 members",
    "trigger.many.map(a, trigger.long)": "with a text of 30000 characters",
}


@pytest.mark.parametrize("expression", COSTLY)
def test_what_data_make_too_large_is_refused_with_a_code(expression):
    trigger = {"many": list(range(2000)), "fair": "x" * 1_000}
    trigger |= {"long": "x" * 30_000} if "long" in expression else {}
    with pytest.raises(ExpressionCostly, match=COSTLY[expression]) as refused:
        evaluate(expression, NAMES, VALUES | {"trigger": trigger})
    assert refused.value.code == "expression_too_costly"


def test_a_long_text_outside_of_a_loop_is_no_matter():
    values = VALUES | {"trigger": {"long": "x" * 100_000}}
    assert evaluate("trigger.long.size()", NAMES, values) == 100_000


def test_a_loop_over_data_has_its_json_value():
    values = VALUES | {"trigger": {"rows": [{"a": {"b": [1, None, "t", True]}}]}}
    assert evaluate("trigger.rows.map(r, r.a)", NAMES, values) == [{"b": [1, None, "t", True]}]
    assert evaluate("trigger.rows.map(r, {'x': r.a.b[2]})", NAMES, values) == [{"x": "t"}]
