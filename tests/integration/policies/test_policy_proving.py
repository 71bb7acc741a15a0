"""Decisions of an environment, decided again and compared with the record to the last bit."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from controlplane.lib.errors import Invalid, NotFound
from evidence import opening
from evidence.verify.envelope import Event
from policies import proving
from policies.asking import Occasion
from policies.services import decide_many
from policies.types import Decision, Effect
from tenants.errors import PermissionMissing
from tenants.models import Payload
from tests.policy_questions import question

Ask = Callable[..., Decision]


def again(published: SimpleNamespace, **more: Any) -> proving.Proof:
    return proving.decide_again(environment_id=published.environment.id, actor=published.actor, **more)


def test_every_decision_comes_out_as_recorded(published: SimpleNamespace, ask: Ask) -> None:
    assert [ask().effect, ask(question(published, tool="nobody.knows")).effect] == [Effect.REQUIRE_HITL, Effect.DENY]
    proof = again(published)
    assert (proof.verdict, proof.counts["same"], proof.cursor) == ("SAME", 2, None)


def test_slices_go_on_where_the_one_before_ended(published: SimpleNamespace, ask: Ask) -> None:
    for _ in range(3):
        ask()
    first = again(published, most=3, seconds=0)
    assert first.counts == {}
    whole = again(published, before=first.cursor)
    assert whole.counts["same"] == 3


def test_a_record_that_says_otherwise_is_shown(
    published: SimpleNamespace, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = ask()
    real = proving.Past.told

    def told(data: dict[str, Any], content: bytes | None) -> proving.Past:
        return real({**data, "decision_digest": "0" * 64}, content)

    monkeypatch.setattr(proving.Past, "told", told)
    proof = again(published)
    assert proof.verdict == "DIVERGED"
    assert proof.first is not None
    assert proof.first["decision"] == str(decided.id)


def test_what_has_expired_is_not_covered(published: SimpleNamespace, ask: Ask) -> None:
    ask()
    Payload.objects.all().delete()
    assert again(published).verdict == "NOT_COVERED"


def test_what_was_pruned_from_the_record_is_not_covered_and_what_lies_behind_it_is_decided(
    published: SimpleNamespace, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, newest = ask(), ask()
    real = opening.by_id

    def pruned(event_ids: Sequence[UUID]) -> dict[UUID, Event]:
        return {pk: event for pk, event in real(event_ids).items() if event.data["decision_id"] != str(newest.id)}

    monkeypatch.setattr(proving, "BATCH", 1)
    monkeypatch.setattr(opening, "by_id", pruned)
    proof = again(published)
    assert (proof.verdict, dict(proof.counts)) == ("NOT_COVERED", {"no_record": 1, "same": 1})


def test_it_needs_the_right_to_export(published: SimpleNamespace, actor_of: Callable[..., Any], world: Any) -> None:
    with pytest.raises(PermissionMissing):
        proving.decide_again(environment_id=published.environment.id, actor=actor_of(published.bob, published.tenant))
    with pytest.raises(NotFound):
        proving.decide_again(environment_id=world.b.environment.id, actor=published.actor)
    with pytest.raises(Invalid):
        again(published, most=0)


def test_two_hundred_decisions_asked_together_are_the_same(published: SimpleNamespace) -> None:
    documents = [question(published, tool=f"tool.{number % 7}") for number in range(200)]
    asked = [Occasion(each, published.workspace.id, published.environment.id, None, None) for each in documents]
    decide_many(asked, actor=published.actor)
    proof = again(published, seconds=300)
    assert (proof.verdict, proof.counts["same"]) == ("SAME", 200)
