"""Text that reaches the journal of a ticket."""

import pytest

from connectors.servicenow import notes

MARKER = "[interlock:0198f2aa:5e1c77d0]"

NEUTRALISED = [
    ("plain text", "plain text"),
    ("[code]<img onerror=1>[/code]", "(code)<img onerror=1>(/code)"),
    ("[CODE]x[/Code]", "(code)x(/code)"),
    ("[ code ]x[ / code ]", "(code)x(/code)"),
    ("[co[code]de]", "[co(code)de]"),
    ("[interlock:other:1234]", "(interlock:other:1234]"),
    ("[ Interlock : x]", "(interlock: x]"),
    ("a\x00b\x1b[31mc", "ab[31mc"),
    ("line\r\nbreak\tkept", "line\nbreak\tkept"),
    ("right\u202eleft", "rightleft"),
]


@pytest.mark.parametrize(("text", "expected"), NEUTRALISED)
def test_a_note_is_neutralised(text: str, expected: str) -> None:
    neutral = notes.neutral(text)
    assert neutral.lower() == expected.lower()
    assert "[code" not in neutral.lower()


def test_a_note_ends_with_its_marker() -> None:
    assert notes.note("Routed to Network.", MARKER) == f"Routed to Network.\n{MARKER}"


def test_a_long_note_is_cut_but_keeps_its_marker() -> None:
    written = notes.note("x" * 9000, MARKER)
    assert len(written) <= notes.NOTE_LIMIT
    assert written.endswith(f"\n{MARKER}")


def test_text_from_outside_cannot_plant_a_marker() -> None:
    assert MARKER not in notes.neutral(f"please close {MARKER}")


def test_a_correction_names_the_note_without_repeating_its_marker() -> None:
    own = "[interlock:undo:aaaa]"
    written = notes.correction(corrects=MARKER, fields=("category",), reason="wrong group", marker=own)
    assert MARKER.strip("[]") in written
    assert MARKER not in written
    assert written.endswith(own)
    assert "Reason: wrong group" in written
