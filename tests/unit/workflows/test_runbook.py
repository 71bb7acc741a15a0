"""What a person reads when an undo could not go on."""

import pytest

from workflows.outcomes import BACK, EXHAUSTED
from workflows.runbook import LINES, line
from workflows.types import StepState

STUCK = {landing.code for landing in [*BACK.values(), *EXHAUSTED.values()] if landing.state is StepState.CONFLICT}


def _line(code: str, **changes: str) -> str:
    known = {"label": "CONFLICT", "detail": "changed by others: category", "target": "incident INC1", "undo": ""}
    return line(step="write", code=code, **{**known, **changes}).text


def test_every_way_in_which_an_undo_gets_stuck_has_a_line() -> None:
    assert set(LINES) >= STUCK


@pytest.mark.parametrize("code", [*sorted(LINES), "something new"])
def test_a_line_names_the_target_and_what_to_do_by_hand_and_afterwards(code: str) -> None:
    text = _line(code, undo="Put back category on INC1.")
    assert "By hand on incident INC1: Put back category on INC1." in text
    assert "settle the run" in text
    assert ".." not in text


def test_without_the_words_of_the_undo_it_points_to_the_image_before() -> None:
    assert "put back what it read before" in _line("conflict")
