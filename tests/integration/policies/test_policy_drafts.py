"""The life of a draft by its verbs: written, checked, simulated, proposed, approved by others, activated."""

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from controlplane.lib import clock
from controlplane.lib.errors import Forbidden, Invalid, LostRace, NotFound
from evidence.models import Event
from policies import access, drafting, monitoring, packs, simulation
from policies.errors import DraftClosed, NotYetChecked, OwnProposal
from policies.models import Draft, Standing
from policies.types import DraftState, Effect, PackSource
from tenants import services as tenancy
from tenants.actors import Actor
from tenants.errors import PermissionMissing
from tenants.roles import Role
from tests import policy_ground
from tests.policy_questions import question

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


def proposed(begin: Callable[..., Draft], actor: Any, **changes: Any) -> Draft:
    draft = drafting.check(draft_id=begin(**changes).pk, actor=actor)
    assert draft.state == DraftState.CHECKED, draft.report["findings"]
    return drafting.propose(draft_id=draft.pk, reason="why", actor=actor)


def yes(draft: Draft, actor: Any) -> Draft:
    return drafting.vote(draft_id=draft.pk, approve=True, digest=draft.digest, actor=actor)


def carried_on(draft: Draft) -> Draft:
    simulation.carry_on(draft.simulation_id)
    draft.refresh_from_db()
    return draft


def weighed(draft: Draft, actor: Any, **changes: Any) -> Draft:
    now = clock.now()
    span = {"since": now - timedelta(days=7), "until": now + timedelta(minutes=1), "most": 10_000, **changes}
    return carried_on(drafting.simulate(draft_id=draft.pk, actor=actor, **span))


@pytest.mark.parametrize("who", ["alice", "dana"])
def test_neither_the_author_nor_just_anybody_votes(
    people: SimpleNamespace, begin: Callable[..., Draft], who: str
) -> None:
    draft = proposed(begin, people.alice)
    with pytest.raises(OwnProposal if who == "alice" else PermissionMissing):
        yes(draft, getattr(people, who))
    assert draft.votes.count() == 0


def test_whoever_edited_or_proposed_does_not_vote(
    people: SimpleNamespace, begin: Callable[..., Draft], published: SimpleNamespace, actor_of: Callable[..., Any]
) -> None:
    """A second administrator, who could vote, saves and so becomes an author."""
    second = tenancy.create_user(username="second@a.test", password=None, name="Second")
    tenancy.grant_role(
        user_id=second.pk,
        role=Role.ADMIN,
        workspace_id=published.workspace.id,
        actor=Actor.system(published.tenant.id, "installer"),
    )
    other = actor_of(second, published.tenant)
    draft = begin()
    texts = {"source": MINE, "golden": CASES, "version": "1.0.0"}
    draft = drafting.save(draft_id=draft.pk, revision=draft.revision, actor=other, **texts)
    drafting.check(draft_id=draft.pk, actor=people.alice)
    draft = drafting.propose(draft_id=draft.pk, reason="why", actor=people.alice)
    with pytest.raises(OwnProposal):
        yes(draft, other)
    assert yes(draft, people.bob).state == DraftState.PROPOSED


def test_a_machine_does_not_vote(people: SimpleNamespace, begin: Callable[..., Draft]) -> None:
    draft = proposed(begin, people.alice)
    with pytest.raises(Forbidden):
        yes(draft, dataclasses.replace(people.bob, kind="service"))


def test_a_no_needs_words_and_is_the_end_of_the_proposal(people: SimpleNamespace, begin: Callable[..., Draft]) -> None:
    draft = proposed(begin, people.alice)
    no = {"draft_id": draft.pk, "approve": False, "digest": draft.digest, "actor": people.bob}
    with pytest.raises(Invalid):
        drafting.vote(**no)
    assert drafting.vote(**no, reason="too wide").state == DraftState.REJECTED
    with pytest.raises(DraftClosed):
        yes(draft, people.carol)
    with pytest.raises(DraftClosed):
        drafting.activate(draft_id=draft.pk, actor=people.alice)


def test_an_edit_after_the_votes_voids_them(people: SimpleNamespace, begin: Callable[..., Draft]) -> None:
    draft = yes(proposed(begin, people.alice), people.bob)
    texts = {"source": MINE, "golden": CASES, "version": "1.0.0"}
    saved = drafting.save(draft_id=draft.pk, revision=draft.revision, actor=people.alice, **texts)
    assert (saved.state, saved.digest, saved.report) == (DraftState.DRAFT, "", {})
    drafting.check(draft_id=draft.pk, actor=people.alice)
    again = drafting.propose(draft_id=draft.pk, reason="the same text", actor=people.alice)
    assert access.needed(again).approvals == []


def test_what_is_not_checked_is_not_proposed(people: SimpleNamespace, begin: Callable[..., Draft]) -> None:
    draft = begin(source=MINE.replace('"a.b"', "http.send({})"))
    with pytest.raises(NotYetChecked):
        drafting.propose(draft_id=draft.pk, reason="why", actor=people.alice)
    assert drafting.check(draft_id=draft.pk, actor=people.alice).state == DraftState.REFUSED
    with pytest.raises(NotYetChecked):
        drafting.propose(draft_id=draft.pk, reason="why", actor=people.alice)


def test_a_save_of_an_older_revision_is_lost(people: SimpleNamespace, begin: Callable[..., Draft]) -> None:
    draft = begin()
    texts = {"source": MINE, "golden": CASES, "version": "1.0.0"}
    drafting.save(draft_id=draft.pk, revision=1, actor=people.alice, **texts)
    with pytest.raises(LostRace):
        drafting.save(draft_id=draft.pk, revision=1, actor=people.alice, **texts)


def test_a_check_of_what_was_saved_meanwhile_is_not_kept(people: SimpleNamespace, begin: Callable[..., Draft]) -> None:
    draft = begin()
    checked = drafting.examine(draft_id=draft.pk, actor=people.alice)
    drafting.save(draft_id=draft.pk, revision=1, actor=people.alice, source=MINE, golden=CASES, version="1.0.0")
    with pytest.raises(LostRace):
        drafting.keep_report(draft_id=draft.pk, checked=checked, actor=people.alice)


def test_a_policy_activated_meanwhile_is_looked_at_first(
    people: SimpleNamespace, begin: Callable[..., Draft], activate: Callable[..., Any]
) -> None:
    ready = yes(yes(proposed(begin, people.alice), people.bob), people.carol)
    activate(channels=["C0OTHER001"])
    with pytest.raises(LostRace):
        drafting.activate(draft_id=ready.pk, actor=people.alice)
    texts = {"source": MINE, "golden": CASES, "version": "1.0.0"}
    saved = drafting.save(draft_id=ready.pk, revision=ready.revision, actor=people.alice, **texts)
    assert [f["code"] for f in drafting.check(draft_id=saved.pk, actor=people.alice).report["findings"]] == [
        "base_moved"
    ]
    drafting.save(draft_id=saved.pk, revision=saved.revision, actor=people.alice, rebase=True, **texts)
    assert drafting.check(draft_id=saved.pk, actor=people.alice).state == DraftState.CHECKED


def test_a_simulation_without_loosening_leaves_one_approver(
    people: SimpleNamespace, begin: Callable[..., Draft], ask: Callable[..., Any]
) -> None:
    ask()
    draft = drafting.check(draft_id=begin().pk, actor=people.alice)
    draft = weighed(draft, people.alice)
    proposal = drafting.propose(draft_id=draft.pk, reason="why", actor=people.alice)
    assert access.needed(proposal).codes == ["second_person"]
    assert yes(proposal, people.bob).state == DraftState.APPROVED


@pytest.mark.parametrize(
    ("span", "code"),
    [
        ({"since": timedelta(hours=-1)}, "second_approver_cut_short"),
        ({"most": 1}, "second_approver_cut_short"),
        ({"until": timedelta(days=-2)}, "second_approver_not_covered"),
    ],
)
def test_a_simulation_that_looked_away_does_not_spare_the_second_approver(
    people: SimpleNamespace, begin: Callable[..., Draft], ask: Callable[..., Any], span: dict[str, Any], code: str
) -> None:
    for _ in range(2):
        ask()
    now = clock.now()
    changes = {name: now + value if isinstance(value, timedelta) else value for name, value in span.items()}
    draft = drafting.check(draft_id=begin().pk, actor=people.alice)
    draft = weighed(draft, people.alice, **changes)
    assert code in access.needed(draft).codes


def test_nothing_is_proposed_while_its_simulation_runs(people: SimpleNamespace, begin: Callable[..., Draft]) -> None:
    draft = drafting.check(draft_id=begin().pk, actor=people.alice)
    now = clock.now()
    drafting.simulate(draft_id=draft.pk, since=now - timedelta(days=7), until=now, most=10, actor=people.alice)
    with pytest.raises(DraftClosed):
        drafting.propose(draft_id=draft.pk, reason="why", actor=people.alice)


def test_what_was_loosened_since_is_told_against_what_stands_now(
    people: SimpleNamespace, begin: Callable[..., Draft], ask: Callable[..., Any], published: SimpleNamespace
) -> None:
    """Recorded under a loose policy, decided today by a strict one: back to loose is a loosening, not the same."""
    loose = PackSource(packs.rego("triage").replace('"effect": "REQUIRE_HITL"', '"effect": "ALLOW"'), TRIAGE.data)
    for packs_of in ({"triage": loose}, {"triage": TRIAGE}):
        policy_ground.activate_packs(environment_id=published.environment.id, packs=packs_of, actor=people.alice)
        if packs_of["triage"] is loose:
            ask(question(published, risk="high"))
    tests = packs.rego("triage_test").replace('"REQUIRE_HITL"', '"ALLOW"')
    text = {"source": loose.source, "data": dict(loose.data), "tests": tests, "golden": []}
    draft = drafting.check(draft_id=begin(pack="triage", **text).pk, actor=people.alice)
    draft = weighed(draft, people.alice)
    report = draft.simulation.report
    assert (report["same"], report["loosened_high_risk"], report["against_standing"]["loosened_high_risk"]) == (1, 0, 1)
    assert "second_approver_high_risk_loosened" in access.needed(draft).codes


def test_a_pack_is_taken_out_like_it_came_in(
    people: SimpleNamespace, published: SimpleNamespace, ask: Callable[..., Any]
) -> None:
    draft = drafting.remove_pack(environment_id=published.environment.id, pack="triage", actor=people.alice)
    draft = drafting.check(draft_id=draft.pk, actor=people.alice)
    assert (draft.state, draft.report["contract"]["bump"]) == (DraftState.CHECKED, "major")
    draft = drafting.propose(draft_id=draft.pk, reason="not used", actor=people.alice)
    yes(draft, people.bob)
    yes(draft, people.carol)
    assert drafting.activate(draft_id=draft.pk, actor=people.alice).bundle.packs == []
    assert ask().effect is Effect.DENY


def test_too_small_a_version_is_refused_with_what_changed(people: SimpleNamespace, begin: Callable[..., Draft]) -> None:
    first = proposed(begin, people.alice)
    yes(first, people.bob)
    yes(first, people.carol)
    drafting.activate(draft_id=first.pk, actor=people.alice)
    renamed = MINE.replace("mine.read", "mine.look")
    second = drafting.check(draft_id=begin(source=renamed, version="1.1.0").pk, actor=people.alice)
    [found] = second.report["findings"]
    assert (found["code"], second.report["contract"]["least"]) == ("bump_too_small", "2.0.0")
    assert "interlock.packs.mine.read: gone or renamed" in found["message"]
    same = drafting.check(draft_id=begin(version="1.0.0").pk, actor=people.alice)
    assert [found["code"] for found in same.report["findings"]] == ["nothing_changed"]


@pytest.mark.parametrize("name", ["main", "lib", "default", "system", "../up", "Mine"])
def test_no_draft_has_the_name_of_a_part_of_interlock(begin: Callable[..., Draft], name: str) -> None:
    with pytest.raises(Invalid):
        begin(pack=name)
    assert Draft.objects.count() == 0


@pytest.mark.parametrize(
    "changes", [{"data": {"price": 0.1}}, {"version": "1.0"}, {"source": "a\0b"}, {"golden": [{"n": 1.5}]}]
)
def test_what_cannot_be_kept_is_refused(begin: Callable[..., Draft], changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        begin(**changes)


def test_strangers_see_no_draft(
    people: SimpleNamespace, begin: Callable[..., Draft], world: SimpleNamespace, actor_of: Callable[..., Any]
) -> None:
    draft, charlie = begin(), actor_of(world.charlie, world.a.tenant)
    for verb in (
        lambda: access.draft(charlie, draft.pk),
        lambda: drafting.check(draft_id=draft.pk, actor=charlie),
        lambda: drafting.withdraw(draft_id=draft.pk, actor=charlie),
        lambda: access.drafts(charlie, environment_id=draft.environment_id),
    ):
        with pytest.raises(NotFound):
            verb()
    assert access.drafts(charlie) == []


def test_an_activation_is_watched(people: SimpleNamespace, published: SimpleNamespace, ask: Callable[..., Any]) -> None:
    ask()
    ask(question(published, tool="nobody.knows"))
    with clock.frozen(clock.now() + timedelta(seconds=2000)):
        ask({**question(published), "context": {**question(published)["context"], "now_ns": clock.now_ns()}})
        watch = monitoring.watch(people.dana, published.activation.pk)
    assert (watch.after.effects, watch.after.errors) == ({"DENY": 2, "REQUIRE_HITL": 1}, {"bundle_stale": 1})
    assert watch.before.decisions == 0
