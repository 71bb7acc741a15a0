from controlplane.console import textdiff
from controlplane.console.textdiff import Row

OLD = "\n".join(f"line {n}" for n in range(1, 21)) + "\n"
NEW = OLD.replace("line 10\n", "line ten\nline ten and a half\n")


def diff(old: str, new: str, *, side_by_side: bool = True) -> tuple[Row, ...]:
    [found] = textdiff.of_texts({"a": old}, {"a": new}, side_by_side=side_by_side)
    return found.rows


def test_texts_that_say_the_same_are_left_out() -> None:
    assert textdiff.of_texts({"a": OLD, "b": "x"}, {"a": OLD, "b": "x"}, side_by_side=True) == ()


def test_side_by_side_pairs_lines_and_counts_what_is_folded() -> None:
    rows = diff(OLD, NEW)
    assert rows[0] == Row("gap", folded=6)
    assert rows[4] == Row("changed", 10, "line 10", 10, "line ten")
    assert rows[5] == Row("added", after=11, right="line ten and a half")
    assert rows[-1] == Row("gap", folded=7)
    assert sum(row.folded for row in rows) + sum(row.before is not None for row in rows) == 20


def test_unified_shows_what_went_before_what_came() -> None:
    kinds = [row.kind for row in diff(OLD, NEW, side_by_side=False) if row.kind not in ("same", "gap")]
    assert kinds == ["removed", "added", "added"]


def test_a_new_text_is_all_added() -> None:
    [found] = textdiff.of_texts({}, {"new": "a\nb\n"}, side_by_side=True)
    assert (found.added, found.removed, [row.kind for row in found.rows]) == (2, 0, ["added", "added"])


def test_hidden_characters_are_shown_and_endless_texts_are_cut() -> None:
    assert diff("a", "a\u202e")[0].right == "a⟨U+202E⟩"
    [found] = textdiff.of_texts({}, {"long": "x\n" * 4_000}, side_by_side=True)
    assert (len(found.rows), found.cut) == (3_000, 1_000)
