"""The second act's figures: what counts, and that a broken promise is seen."""

from dataclasses import replace

import pytest

from controlplane.demo.review import CARRIED_OUT, UNDONE, Review, broken_promises, figures

BEFORE = ["U0CAROL", "U0DAVE", "carol", "dave"]
LABELS = {"note": "OFFSET", "revoke": "RESTORED"}
BACK = Review("ROLLED_BACK", UNDONE, BEFORE, LABELS)
DENIED = Review("REJECTED", {}, BEFORE, {})
DONE = Review("SUCCEEDED", CARRIED_OUT, ["U0DAVE", "dave"], {})
DRY = {"dry_run_verdict": "asks_people", "dry_run_effects": 0}


def test_an_act_as_promised_breaks_nothing() -> None:
    found = figures(before=BEFORE, undone=BACK, denied=DENIED, done=DONE)
    assert (found["rolled_back"], found["denied"], found["carried_out"], found["unexpected_effects"]) == (1, 1, 1, 0)
    assert broken_promises({**found, **DRY}) == []


SPOILT = [
    ("written twice", {"undone": replace(BACK, effects={**UNDONE, "record_created": 2})}),
    ("not put back", {"undone": replace(BACK, members=BEFORE[1:])}),
    ("a label that is a failure", {"undone": replace(BACK, labels={**LABELS, "revoke": "CONFLICT"})}),
    ("a privileged member removed", {"denied": replace(DENIED, effects={"record_deleted": 1})}),
    ("only one system", {"done": replace(DONE, members=["U0CAROL", "U0DAVE", "dave"])}),
]


@pytest.mark.parametrize(("what", "changed"), SPOILT, ids=[what for what, _ in SPOILT])
def test_what_went_wrong_is_a_broken_promise(what: str, changed: dict[str, Review]) -> None:
    reviews = {"undone": BACK, "denied": DENIED, "done": DONE, **changed}
    assert broken_promises({**figures(before=BEFORE, **reviews), **DRY}) != []


def test_an_effect_of_a_dry_run_is_a_broken_promise() -> None:
    found = figures(before=BEFORE, undone=BACK, denied=DENIED, done=DONE)
    assert broken_promises({**found, **DRY, "dry_run_effects": 1}) == ["a dry run has no effect"]
