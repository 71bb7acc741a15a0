"""What the OPA library must answer before it may decide anything: checked at every start of a child.

Each case is a place where Rego engines are known to differ, or where a wrong answer would grant too much.
"""

from collections.abc import Mapping
from types import MappingProxyType

from policies.engine.protocol import Program

ENTRYPOINT = "interlock.conformance.answers"

_SOURCE = """
package interlock.conformance

answers["glob_star_stops_at_delimiter"] := glob.match("tools:*", [":"], "tools:a:b")

answers["decimal_sum_is_exact"] := 0.1 + 0.2 <= 0.3

answers["object_union_is_deep"] := object.union({"a": {"b": 1}}, {"a": {"c": 2}})

answers["absent_argument_is_undefined"] := [1 | not is_known(input.missing)]

is_known(x) if x == 1

answers["empty_set_counts_nothing"] := count({x | some x in []})

answers["types_are_ordered"] := [null < false, false < 0, 0 < "", "" < []]

answers["large_integers_are_exact"] := 1795320000000000001 - 1795320000000000000

answers["regex_is_anchored_by_caret_only"] := [regex.match("^ab", "abc"), regex.match("^ab$", "abc")]

answers["every_over_nothing_holds"] if {
	every x in [] { x == 1 }
}

answers["sets_sort"] := sort({"b", "a"})

answers["sprintf_numbers"] := sprintf("%d/%s", [7, "x"])

answers["object_get_default"] := object.get({"a": 1}, "b", "none")

answers["semver_prerelease_is_older"] := semver.compare("1.0.0-rc1", "1.0.0")

answers["with_replaces_input"] := y if {
	y := other with input as {"v": 2}
}

other := input.v

answers["string_order_is_bytewise"] := "Z" < "a"

answers["walk_finds_leaves"] := count([1 | walk({"a": [1, 2]}, [_, v]); is_number(v)])
"""

EXPECTED: Mapping[str, object] = MappingProxyType(
    {
        "glob_star_stops_at_delimiter": False,
        "decimal_sum_is_exact": True,
        "object_union_is_deep": {"a": {"b": 1, "c": 2}},
        "absent_argument_is_undefined": [],
        "empty_set_counts_nothing": 0,
        "types_are_ordered": [True, True, True, True],
        "large_integers_are_exact": 1,
        "regex_is_anchored_by_caret_only": [True, False],
        "every_over_nothing_holds": True,
        "sets_sort": ["a", "b"],
        "sprintf_numbers": "7/x",
        "object_get_default": "none",
        "semver_prerelease_is_older": -1,
        "with_replaces_input": 2,
        "string_order_is_bytewise": True,
        "walk_finds_leaves": 2,
    }
)

PROGRAM = Program(key="conformance", modules={"conformance.rego": _SOURCE}, data={})


def differences(answers: object) -> list[str]:
    """Names of the cases that came out otherwise; `["answers"]` if there is no answer at all."""
    if not isinstance(answers, dict):
        return ["answers"]
    names = sorted(set(EXPECTED) | set(answers))
    return [name for name in names if not _same(EXPECTED.get(name), answers.get(name))]


def _same(expected: object, answer: object) -> bool:
    """Equality that tells True from 1."""
    return type(expected) is type(answer) and expected == answer
