"""The light says what is proven and when: never more."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.lights import FRESH, MEANING, WORDS, Light, Outcome, Proof, light_of, worst
from controlplane.console.statuses import STATUSES

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("outcome", "age", "light"),
    [
        (Outcome.HELD, timedelta(0), Light.ENFORCING),
        (Outcome.HELD, FRESH, Light.ENFORCING),
        (Outcome.HELD, FRESH + SECOND, Light.LATE),
        (Outcome.HELD, -FRESH - SECOND, Light.LATE),
        (Outcome.CLOSED, SECOND, Light.DENYING),
        (Outcome.CLOSED, FRESH + SECOND, Light.LATE),
        (Outcome.UNPROVEN, SECOND, Light.LATE),
        (Outcome.PASSED, SECOND, Light.FAILED),
        (Outcome.PASSED, 10 * FRESH, Light.FAILED),
    ],
)
def test_a_proof_counts_for_two_minutes_and_a_failure_until_it_is_refuted(
    outcome: Outcome, age: timedelta, light: Light
) -> None:
    assert light_of(Proof(outcome, NOW - age), NOW) is light


def test_before_the_first_canary_nothing_is_known() -> None:
    assert light_of(Proof(), NOW) is Light.UNKNOWN
    assert worst([]) is Light.UNKNOWN


def test_the_worst_of_several_is_shown() -> None:
    assert worst([Light.ENFORCING, Light.LATE, Light.ENFORCING]) is Light.LATE
    assert worst([Light.FAILED, Light.DENYING]) is Light.FAILED


def test_every_light_has_words_a_meaning_and_a_shape() -> None:
    assert set(WORDS) == set(MEANING) == set(Light)
    assert {light.value.upper() for light in Light} <= set(STATUSES)
