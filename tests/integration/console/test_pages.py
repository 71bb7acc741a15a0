"""Every page answers its members and nobody else, empty as well as full."""

from types import SimpleNamespace

import pytest
from django.db import transaction

from tenants import scope, services
from tenants.actors import Actor
from tenants.roles import Role
from tests.running import stopped_run
from workflows.models import Run

PAGES = [
    "",
    "runs/",
    "runs/?state=FAILED&q=INC0010001",
    "approvals/",
    "reconcile/",
    "reconcile/?show=all",
    "dead-letters/",
    "workflows/",
    "policies/",
    "policies/decisions/",
    "policies/decisions/?effect=DENY&rule=interlock.packs.triage&since=2026-01-01T00:00",
    "connectors/",
    "costs/",
    "evidence/",
    "evidence/trust.json",
    "halts/",
]
NOTHING = "0190f7a0-0000-7000-8000-000000000000"


def test_members_see_every_page_and_strangers_none(signed_in, world: SimpleNamespace) -> None:
    bob, charlie = signed_in(world.a.bob), signed_in(world.charlie)
    assert {page: bob.get(f"/o/a/{page}").status_code for page in PAGES} == dict.fromkeys(PAGES, 200)
    assert {page: charlie.get(f"/o/a/{page}").status_code for page in PAGES} == dict.fromkeys(PAGES, 404)


def test_what_is_not_there_is_404(signed_in, world: SimpleNamespace) -> None:
    alice = signed_in(world.a.alice)
    for kind in ("runs", "workflows", "approvals"):
        assert alice.get(f"/o/a/{kind}/{NOTHING}/").status_code == 404


@pytest.mark.parametrize(
    ("tab", "said"),
    [
        ("timeline", "A person must look"),
        ("graph", "write (writes): succeeded, at the start"),
        ("calls", "Puts the category back to inquiry"),
        ("decisions", "No decision yet"),
        ("evidence", "Export"),
    ],
)
def test_a_run_says_where_it_stopped_and_what_it_wrote(signed_in, world: SimpleNamespace, tab: str, said: str) -> None:
    run = stopped_run(world)
    page = signed_in(world.a.bob).get(f"/o/a/runs/{run.id}/?tab={tab}").content.decode()
    assert "the channel does not exist" in page
    assert said in page


def test_before_and_after_need_the_permission_to_see_content(signed_in, world: SimpleNamespace) -> None:
    run = stopped_run(world)
    with scope.enter(world.a.tenant.id):
        installer = Actor.system(world.a.tenant.id, "installer")
        place = world.a.workspace.id
        services.grant_role(user_id=world.charlie.id, role=Role.VIEWER, workspace_id=place, actor=installer)
    seen = {user.username: _calls_of(signed_in, user, run) for user in (world.a.bob, world.charlie)}
    assert "<del>inquiry</del>" in seen["bob@a.test"]
    assert "inquiry" not in seen["charlie@b.test"]
    assert "needs the permission" in seen["charlie@b.test"]


def _calls_of(signed_in, user: object, run: object) -> str:
    return signed_in(user).get(f"/o/a/runs/{run.id}/?tab=calls").content.decode()


def test_runs_are_found_by_state_and_ticket(signed_in, world: SimpleNamespace) -> None:
    run = stopped_run(world)
    bob = signed_in(world.a.bob)
    for query, rows in (("", 1), ("?state=NEEDS_ATTENTION", 1), ("?state=SUCCEEDED", 0), ("?q=inc0010001", 1)):
        assert bob.get(f"/o/a/runs/{query}").content.decode().count("data-row") == rows, query
    assert f"/o/a/runs/{run.id}/" in bob.get("/o/a/").content.decode()
    assert "channel_not_found" in bob.get("/o/a/dead-letters/").content.decode()


def test_the_list_of_runs_asks_the_same_number_of_questions_for_one_row_and_for_many(
    signed_in, world: SimpleNamespace, django_assert_max_num_queries
) -> None:
    for _ in range(12):
        stopped_run(world)
    bob = signed_in(world.a.bob)
    with django_assert_max_num_queries(45):
        assert bob.get("/o/a/runs/").content.decode().count("data-row") == 12


def state_of(world: SimpleNamespace, run: Run) -> str:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return Run.objects.get(pk=run.pk).state


def test_an_operator_settles_what_needs_a_person(signed_in, world: SimpleNamespace) -> None:
    run = stopped_run(world)
    said = {"action": "settle", "answer": "abandoned", "reason": "the note may stay"}
    assert signed_in(world.a.bob).post(f"/o/a/runs/{run.id}/", said).status_code == 403
    assert state_of(world, run) == "NEEDS_ATTENTION"
    assert signed_in(world.a.dana).post(f"/o/a/runs/{run.id}/", said).status_code == 302
    assert state_of(world, run) == "ABANDONED"


def test_an_action_that_nobody_knows_changes_nothing(signed_in, world: SimpleNamespace) -> None:
    run = stopped_run(world)
    assert signed_in(world.a.dana).post(f"/o/a/runs/{run.id}/", {"action": "approve"}).status_code == 422
    assert signed_in(world.charlie).post(f"/o/a/runs/{run.id}/", {"action": "cancel"}).status_code == 404
    assert state_of(world, run) == "NEEDS_ATTENTION"


def test_a_redrive_of_an_open_run_is_refused_with_a_sentence(signed_in, world: SimpleNamespace) -> None:
    stopped_run(world)
    dana = signed_in(world.a.dana)
    letter = dana.get("/o/a/dead-letters/").context["letters"][0]
    page = dana.post(f"/o/a/dead-letters/{letter.id}/redrive/")
    assert page.status_code == 409
    assert "not over yet" in page.content.decode()
