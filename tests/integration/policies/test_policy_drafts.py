"""The life of a draft by its verbs: written, checked, simulated, proposed, approved by others, activated."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from evidence.models import Event
from policies import access, drafting, packs
from policies.models import Draft, Standing
from policies.types import DraftState

TRIAGE = packs.triage(channels=["C0TEAM0001"])
HEAD = "package interlock.packs.mine\n\n"
MINE = HEAD + 'grants contains {"rule": "interlock.packs.mine.read"} if {\n\tinput.resource.tool == "a.b"\n}\n'
CASES = [
    {"name": "granted", "input": {"resource": {"tool": "a.b"}}, "expect": {"effect": "ALLOW", "codes": []}},
    {"name": "not granted", "input": {"resource": {"tool": "a.c"}}, "expect": {"effect": "DENY"}},
]


@pytest.fixture
def author(published: SimpleNamespace) -> Any:
    return published.actor


@pytest.fixture
def people(published: SimpleNamespace, actor_of: Callable[..., Any]) -> SimpleNamespace:
    return SimpleNamespace(
        **{name: actor_of(getattr(published, name), published.tenant) for name in ("alice", "bob", "carol", "dana")}
    )


@pytest.fixture
def begin(published: SimpleNamespace, author: Any) -> Callable[..., Draft]:
    def make(**changes: Any) -> Draft:
        told = {"pack": "mine", "source": MINE, "golden": CASES, "version": "1.0.0", **changes}
        return drafting.save(environment_id=published.environment.id, actor=author, **told)

    return make


def test_a_draft_becomes_the_policy_after_two_others_approved(
    published: SimpleNamespace, people: SimpleNamespace, begin: Callable[..., Draft]
) -> None:
    draft = drafting.check(draft_id=begin().pk, actor=people.alice)
    assert (draft.state, draft.report["findings"]) == (DraftState.CHECKED, [])
    assert draft.report["coverage"]["percent"] == 100
    assert [case["passed"] for case in draft.report["golden"]] == [True, True]
    draft = drafting.propose(draft_id=draft.pk, reason="reads", actor=people.alice)
    asked = access.needed(draft)
    assert (asked.quorum, asked.codes) == (2, ["second_person", "second_approver_not_simulated"])
    for who in (people.bob, people.carol):
        draft = drafting.vote(draft_id=draft.pk, approve=True, digest=draft.digest, actor=who)
    assert draft.state == DraftState.APPROVED
    activation = drafting.activate(draft_id=draft.pk, actor=people.alice)
    standing = Standing.objects.get()
    assert (standing.activation, standing.seq, activation.draft_id) == (activation, 2, draft.pk)
    assert [entry["pack"] for entry in activation.bundle.packs] == ["mine", "triage"]
    told = list(Event.objects.filter(type__startswith="policy.").order_by("id").values_list("type", flat=True))
    assert told[1:] == [
        "policy.draft_saved",
        "policy.draft_checked",
        "policy.draft_proposed",
        "policy.draft_voted",
        "policy.draft_voted",
        "policy.activated",
    ]
