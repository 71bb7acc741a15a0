"""The corpus of sequences is large enough, and every case of it says what it means."""

import pytest

from tests.corpus import sequences

ATTACKS, BENIGN = sequences.load("attacks"), sequences.load("benign")


def test_there_are_enough_sequences() -> None:
    assert len(ATTACKS) >= 20
    assert len(BENIGN) >= 50
    assert len({case.id for case in ATTACKS + BENIGN}) == len(ATTACKS) + len(BENIGN)


@pytest.mark.parametrize("case", ATTACKS + BENIGN, ids=lambda case: case.id)
def test_every_step_has_one_verb_and_known_members(case: sequences.Case) -> None:
    for step in case.steps:
        assert sequences.verb_of(step)
        assert set(step) <= sequences.MEMBERS
    assert case.about.endswith(".")


def test_every_attack_is_refused_somewhere_and_no_benign_sequence_is() -> None:
    assert all(any(step.get("refused") or step.get("asked") for step in case.steps) for case in ATTACKS)
    assert not any(step.get("refused") or step.get("asked") for case in BENIGN for step in case.steps)
