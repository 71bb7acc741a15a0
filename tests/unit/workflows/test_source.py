import pytest

from workflows.definition.findings import DefinitionRefused
from workflows.definition.source import MAX_BYTES, parse

REFUSED = {
    "a: &x 1\nb: *x": ("alias", 1, 4),
    "a: 1.5": ("bad_value", 1, 4),
    "a: 2026-01-01": ("bad_value", 1, 4),
    "a: 0x1F": ("bad_value", 1, 4),
    "a: 012": ("bad_value", 1, 4),
    "a: 9007199254740993000": ("bad_value", 1, 4),
    "a: !foo 1": ("bad_value", 1, 4),
    "- !!python/object/apply:os.system ['x']": ("bad_value", 1, 3),
    "%YAML 1.1\n---\na: yes": ("bad_value", 3, 4),
    "b: 0\na: 1\na: 2": ("duplicate_key", 3, 1),
    "? [a]\n: b": ("bad_key", 1, 3),
    "<<: {a: 1}": ("bad_key", 1, 1),
    "a: [": ("not_yaml", 1, 5),
    "a: b\n---\nc: d": ("not_yaml", 2, 1),
    "a: \x00": ("not_yaml", 1, 1),
    "": ("empty", 1, 1),
    "[" * 30 + "1" + "]" * 30: ("too_deep", 1, 26),
    "a: " + "x" * MAX_BYTES: ("too_large", 1, 1),
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_json_cannot_say_is_refused_with_its_place(text):
    with pytest.raises(DefinitionRefused) as refused:
        parse(text, file="w.yaml")
    (finding,) = refused.value.findings
    assert (finding.code, finding.place.line, finding.place.column) == REFUSED[text]
    assert finding.hint


def test_values_are_json_and_know_their_place():
    source = parse("# note\na: 1\nb:\n  - {c: [x, true, ~]}\nv: 1.0.0\nyes: >-\n  two\n  lines\n", file="w.yaml")
    assert source.value == {"a": 1, "b": [{"c": ["x", True, None]}], "v": "1.0.0", "yes": "two lines"}
    assert source.place("b", 0, "c", 1).line == 4
    assert source.place("b", 0, "gone").line == 4
    assert (source.place("v").line, source.place("v").column) == (5, 1)
