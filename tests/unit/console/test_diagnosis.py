from types import SimpleNamespace

import pytest

from controlplane.console import diagnosis
from workflows.types import RunState, WaitReason


def run(state: str, **changes: object) -> SimpleNamespace:
    return SimpleNamespace(**{"state": state, "waits_for": "", "code": "", "detail": "", "effects": 0, **changes})


def step(key: str, state: str) -> SimpleNamespace:
    return SimpleNamespace(key=key, state=state, waits_for="")


@pytest.mark.parametrize(
    ("subject", "steps", "said"),
    [
        (run("QUEUED"), [], "It waits for a worker."),
        (run("RUNNING"), [step("triage", "RUNNING")], "The step “triage” is at work."),
        (
            run("WAITING", waits_for="approval"),
            [step("write", "WAITING")],
            "The step “write” waits for a person to decide.",
        ),
        (run("SUCCEEDED", effects=2), [step("write", "SUCCEEDED")], "Every step is done; 2 writes landed."),
        (
            run("FAILED", code="tool_denied"),
            [step("write", "FAILED")],
            "The step “write” failed for good: tool_denied. Nothing was written.",
        ),
        (
            run("NEEDS_ATTENTION", detail="somebody changed the record."),
            [step("write", "CONFLICT")],
            "A person must look: the step “write”: somebody changed the record.",
        ),
    ],
)
def test_one_sentence_says_where_it_stands(subject: SimpleNamespace, steps: list, said: str) -> None:
    assert diagnosis.sentence(subject, steps) == said


def test_every_state_and_every_wait_has_words() -> None:
    assert set(diagnosis._STATES) | {"WAITING"} == set(RunState)
    assert set(diagnosis._WAITS) == set(WaitReason)
