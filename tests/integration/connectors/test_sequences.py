"""The corpus of sequences through the real gateway, the real OPA and the stand-ins: what must not arrive does not, and
ordinary work is not held up."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from connectors.models import History
from policies import packs
from tests.corpus import sequences
from tests.corpus.sequences.playing import Player, furnish
from tests.stand_ins import StandIns

AT_A_TIME = 12

Play = Callable[[sequences.Case], Player]


@pytest.fixture
def play(
    ready: SimpleNamespace, vendors: StandIns, priced_model: None, actor_of: Callable[..., Any], settings: Any
) -> Play:
    """Every case finds the vendors and the histories as new. Nothing is sealed here, however long it takes."""
    settings.INTERLOCK_EVIDENCE_MAX_LAG_S = 3600
    furnish(ready, vendors)
    voters = tuple(actor_of(user, ready.tenant) for user in (ready.bob, ready.carol))

    def played(case: sequences.Case) -> Player:
        vendors.ctl("reset", {})
        vendors.ctl("faults", method="DELETE")
        with transaction.atomic():
            History.objects.all().delete()
        return Player(ready, vendors, voters).play(case)

    return played


def _some(name: str) -> list[Any]:
    cases = sequences.load(name)
    return [pytest.param(cases[at : at + AT_A_TIME], id=str(at)) for at in range(0, len(cases), AT_A_TIME)]


@pytest.mark.parametrize("cases", _some("attacks"))
def test_nothing_of_an_attack_arrives_and_what_it_needs_until_there_goes_through(
    play: Play, cases: Sequence[sequences.Case]
) -> None:
    played = [play(case) for case in cases]
    assert [miss for one in played for miss in one.misses] == []
    assert [held for one in played for held in one.blocked] == []


UNWATCHED = "package interlock.sequences\n\nfindings := set()\n"
STOPPED_ELSEWHERE = {"a-claimed-undo-posts", "a-claimed-undo-replaces", "triage-to-everybody", "shown-in-a-dialogue"}
"""Before policy is asked; by the channels of the triage pack; by Slack, which never showed that dialogue."""


@pytest.mark.parametrize("cases", _some("attacks"))
def test_without_the_rules_every_attack_arrives(
    ready: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, cases: Sequence[Any]
) -> None:
    """Each step is allowed alone: it is the sequence that is refused."""
    with_all = packs.platform_modules()
    without = {**with_all, packs.path_of("sequences"): UNWATCHED}
    monkeypatch.setattr(packs, "platform_modules", lambda: without)
    play: Play = request.getfixturevalue("play")
    harmless = {case.id for case in cases if not play(case).misses}
    asked = {case.id for case in cases if any(step.get("asked") for step in case.steps)}
    assert harmless <= STOPPED_ELSEWHERE | asked


@pytest.mark.parametrize("cases", _some("benign"))
def test_ordinary_work_goes_through(play: Play, cases: Sequence[sequences.Case]) -> None:
    assert [held for case in cases for held in play(case).blocked] == []
