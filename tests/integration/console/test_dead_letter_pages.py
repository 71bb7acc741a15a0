"""The dead letters' pages: groups, a frozen selection shown before it starts, dismissing and opening again."""

from types import SimpleNamespace

import pytest

from tests.running import stopped_run


@pytest.fixture
def letters(signed_in, world: SimpleNamespace) -> SimpleNamespace:
    run = stopped_run(world, state="ROLLED_BACK")
    dana = signed_in(world.a.dana)
    page = dana.get("/o/a/dead-letters/")
    return SimpleNamespace(run=run, dana=dana, group=page.context["groups"][0], letter=page.context["letters"][0])


def plan(client, group, **changes):
    form = {"workspace": group.workspace_id, "connector": group.connector, "tool": group.tool, "code": group.code}
    return client.post("/o/a/dead-letters/plan/", {**form, "per_minute": 60, "reason": "fixed", **changes})


def test_a_selection_is_frozen_and_shown_before_anything_starts(letters) -> None:
    answer = plan(letters.dana, letters.group)
    page = letters.dana.get(answer["Location"])
    assert (page.context["job"].state, page.context["counts"]["PENDING"]) == ("READY", 1)
    assert letters.dana.post(answer["Location"], {"do": "start"}).status_code == 302
    assert letters.dana.get(answer["Location"]).context["job"].state == "RUNNING"
    assert letters.dana.post(answer["Location"], {"do": "explode"}).status_code == 422


def test_a_reason_is_asked_for(letters) -> None:
    assert plan(letters.dana, letters.group, reason="").status_code == 422
    assert not letters.dana.get("/o/a/dead-letters/").context["jobs"]


def test_dismissed_is_listed_and_opened_again(letters) -> None:
    where = f"/o/a/dead-letters/{letters.letter.id}"
    assert letters.dana.post(f"{where}/dismiss/", {"reason": ""}).status_code == 422
    assert letters.dana.post(f"{where}/dismiss/", {"reason": "by phone"}).status_code == 302
    assert not letters.dana.get("/o/a/dead-letters/").context["letters"]
    assert "by phone" in letters.dana.get("/o/a/dead-letters/?state=DISMISSED").content.decode()
    assert letters.dana.post(f"{where}/reopen/", {"reason": "again"}).status_code == 302
    assert letters.dana.get("/o/a/dead-letters/").context["letters"]


def test_who_only_approves_sees_but_moves_nothing(letters, signed_in, world: SimpleNamespace) -> None:
    bob = signed_in(world.a.bob)
    assert "needs “Operate”" in bob.get("/o/a/dead-letters/").content.decode()
    assert plan(bob, letters.group).status_code == 403
    assert bob.post(f"/o/a/dead-letters/{letters.letter.id}/dismiss/", {"reason": "x"}).status_code == 403
    assert letters.dana.get("/o/a/dead-letters/").context["letters"]
