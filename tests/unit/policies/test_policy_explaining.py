"""What explains a decision, without a database: marks of lines, places of rules, what is withheld."""

from policies import locating, packs, withholding
from policies.locating import Place
from policies.tracing import Mark, Rule, read
from policies.withholding import WITHHELD

A = "interlock/packs/a.rego"
STEPS = [
    ["Enter", 0, "data.interlock.main.decision", False],
    ["Enter", 1, f"{A}:3", True],
    ["Eval", 1, f"{A}:4", False],
    ["Eval", 1, f"{A}:5", False],
    ["Enter", 2, f"{A}:5", False],
    ["Fail", 2, f"{A}:5", False],
    ["Exit", 1, f"{A}:3", False],
    ["Enter", 3, f"{A}:8", True],
    ["Eval", 3, f"{A}:9", False],
    ["Eval", 3, f"{A}:10", False],
    ["Fail", 3, f"{A}:10", False],
]


def test_a_rule_fires_or_stops_at_a_line() -> None:
    assert read(STEPS).rules == (Rule(A, 3, 1, 1, ()), Rule(A, 8, 1, 0, (10,)))


def test_lines_held_or_failed_and_what_was_not_reached_has_no_mark() -> None:
    assert read(STEPS).marks == {
        A: {3: Mark.FIRED, 4: Mark.HELD, 5: Mark.HELD, 8: Mark.STOPPED, 9: Mark.HELD, 10: Mark.FAILED}
    }


def test_a_rule_that_fired_once_of_two_times_says_both() -> None:
    again = [["Enter", 9, f"{A}:8", True], ["Eval", 9, f"{A}:10", False], ["Exit", 9, f"{A}:8", False]]
    trace = read([*STEPS, *again])
    assert trace.rules[1] == Rule(A, 8, 2, 1, (10,))
    assert (trace.marks[A][8], trace.marks[A][10]) == (Mark.FIRED, Mark.BOTH)


def test_a_reason_is_found_where_its_code_stands_near_its_rule() -> None:
    modules = {**packs.platform_modules(), "interlock/packs/triage.rego": packs.rego("triage")}
    lines = packs.rego("triage").splitlines()
    write = locating.place_of(modules, "interlock.packs.triage.write", "forbidden_field")
    undo = locating.place_of(modules, "interlock.packs.triage.undo_write", "forbidden_field")
    assert write
    assert undo
    assert write.line < undo.line
    assert all('"forbidden_field"' in lines[place.line - 1] for place in (write, undo))


def test_a_code_that_is_not_spelled_out_leads_to_the_package() -> None:
    modules = {"interlock/packs/a.rego": "# a\npackage interlock.packs.a\n"}
    assert locating.place_of(modules, "interlock.packs.a.b", "made_up") == Place("interlock/packs/a.rego", 2)
    assert locating.place_of(modules, "interlock.packs.ab", "made_up") is None
    assert locating.place_of(modules, "interlock.pep", "bundle_missing") is None


def test_what_may_be_content_is_withheld_also_where_it_is_new() -> None:
    told = withholding.withheld(
        {
            "action": "tool.call",
            "resource": {"tool": "a.b", "args": {"note": "secret"}, "target": "x", "before": {"a": 1}},
            "context": {"lane": "forward", "ticket": "INC1", "novel": "secret"},
            "novel": "secret",
            "subject": "odd",
        }
    )
    assert told == {
        "action": "tool.call",
        "resource": {"tool": "a.b", "args": WITHHELD, "target": WITHHELD, "before": WITHHELD},
        "context": {"lane": "forward", "ticket": WITHHELD, "novel": WITHHELD},
        "novel": WITHHELD,
        "subject": WITHHELD,
    }
