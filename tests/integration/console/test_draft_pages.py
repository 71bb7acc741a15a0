"""Draft pages: every step with its reason why not, nothing that was typed lost, nothing done twice."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from policies.models import Draft
from policies.types import DraftState
from tenants import scope
from tests.deciding import publish

DRAFTS = "/o/a/policies/drafts/"
SOURCE = (
    'package interlock.packs.mine\n\ngrants contains {"rule": "interlock.packs.mine"} if input.resource.tool == "a.b"\n'
)
CASE = {"name": "granted", "input": {"resource": {"tool": "a.b"}}, "expect": {"effect": "ALLOW"}}
TEXTS = {"source": SOURCE, "tests": "", "golden": "[]", "data": "{}", "version": "1.0.0"}
HOSTILE = "<script>document.title=1</script>"


@pytest.fixture
def alice(signed_in: Any, world: SimpleNamespace) -> Client:
    publish(world)
    return signed_in(world.a.alice)


@pytest.fixture
def begun(alice: Client, world: SimpleNamespace) -> str:
    sent = {"environment": str(world.a.environment.id), "pack": "mine"}
    return alice.post(DRAFTS, sent).headers["Location"]


def draft(world: SimpleNamespace) -> Draft:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return Draft.objects.latest("created_at")


def say(visitor: Client, path: str, action: str, **more: Any) -> Any:
    return visitor.post(path, {"action": action, "revision": "1", **more})


def test_a_draft_of_an_active_pack_begins_with_its_text(alice: Client, world: SimpleNamespace) -> None:
    sent = {"environment": str(world.a.environment.id), "pack": "triage"}
    page = alice.get(alice.post(DRAFTS, sent).headers["Location"]).content.decode()
    assert "package interlock.packs.triage" in page
    assert "test_write_asks_one_person" in page
    assert "C0TEAM0001" in page


def test_those_who_may_not_write_are_told_so(signed_in: Any, begun: str, world: SimpleNamespace) -> None:
    bob = signed_in(world.a.bob)
    page = bob.get(begun).content.decode()
    assert "Writing policy needs the permission" in page
    assert "Save and check" not in page
    assert say(bob, begun, "save", **TEXTS).status_code == 403
    assert say(bob, begun, "propose").status_code == 403
    assert draft(world).revision == 1
    assert "Begin a draft" not in bob.get(DRAFTS).content.decode()


def test_strangers_find_no_draft(signed_in: Any, begun: str, world: SimpleNamespace) -> None:
    for path in (begun, f"{begun}changes/", f"{begun}impact/"):
        assert signed_in(world.charlie).get(path).status_code == 404
        assert signed_in(world.a.bob).get(path).status_code == 200


def test_json_that_cannot_be_read_is_shown_in_its_place_and_kept(alice: Client, begun: str, world: Any) -> None:
    answer = say(alice, begun, "save", **{**TEXTS, "data": '{\n  "a": 1,\n}', "source": SOURCE + "# mine"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Configuration (JSON) 3:1" in page
    assert "# mine" in page
    assert draft(world).revision == 1


def test_a_save_over_somebody_elses_keeps_what_was_typed(alice: Client, begun: str, world: SimpleNamespace) -> None:
    assert say(alice, begun, "save", **TEXTS).status_code == 302
    late = say(alice, begun, "save", **{**TEXTS, "source": SOURCE + "# late"})
    assert late.status_code == 409
    assert "# late" in late.content.decode()
    assert "# late" not in draft(world).source


def test_what_a_check_found_stands_beside_its_text(alice: Client, begun: str) -> None:
    bad = TEXTS | {"golden": f'[{{"name": "{HOSTILE}", "input": {{}}, "expect": {{"effect": "ALLOW"}}}}]'}
    assert say(alice, begun, "check", **bad).status_code == 302
    page = alice.get(begun).content.decode()
    assert 'data-jump="golden:2:1"' in page
    assert "golden_failed" in page
    assert HOSTILE not in page
    assert "A check without findings comes first." in page


def test_a_proposal_is_decided_by_somebody_else(alice: Client, signed_in: Any, begun: str, world: Any) -> None:
    assert say(alice, begun, "check", **{**TEXTS, "golden": json.dumps([CASE])}).status_code == 302
    assert draft(world).report["findings"] == []
    assert say(alice, begun, "propose", reason="reads").status_code == 302
    seen = {"digest": draft(world).digest}
    assert say(alice, begun, "approve", **seen).status_code == 403
    assert "You wrote or proposed this" in alice.get(begun).content.decode()
    assert "Others decide about exactly this text" in alice.get(begun).content.decode()
    bob, carol = signed_in(world.a.bob), signed_in(world.a.carol)
    assert say(bob, begun, "approve", digest="0" * 64).status_code == 409
    assert say(bob, begun, "approve", **seen).status_code == 302
    assert say(bob, begun, "activate").status_code == 403
    assert say(alice, begun, "activate").status_code == 409
    assert say(carol, begun, "approve", **seen).status_code == 302  # not weighed: two others are needed
    assert say(alice, begun, "activate").status_code == 302
    assert draft(world).state == DraftState.ACTIVE
    assert "Bob" in alice.get(begun).content.decode()


def test_a_no_needs_a_comment_and_ends_the_proposal(alice: Client, signed_in: Any, begun: str, world: Any) -> None:
    say(alice, begun, "check", **{**TEXTS, "golden": json.dumps([CASE])})
    say(alice, begun, "propose", reason="reads")
    bob, seen = signed_in(world.a.bob), {"digest": draft(world).digest}
    assert say(bob, begun, "reject", **seen).status_code == 422
    assert say(bob, begun, "reject", reason=HOSTILE, **seen).status_code == 302
    assert draft(world).state == DraftState.REJECTED
    page = alice.get(begun).content.decode()
    assert HOSTILE not in page
    assert "Save and check" in page


def test_an_unknown_action_or_a_form_without_texts_changes_nothing(alice: Client, begun: str, world: Any) -> None:
    assert say(alice, begun, "explode").status_code == 422
    assert say(alice, begun, "save").status_code == 422
    assert draft(world).revision == 1


def test_the_removal_of_a_pack_is_a_draft(alice: Client, world: SimpleNamespace) -> None:
    sent = {"environment": str(world.a.environment.id), "pack": "triage", "action": "remove"}
    path = alice.post(DRAFTS, sent).headers["Location"]
    assert "Remove triage" in alice.get(path).content.decode()
    changes = alice.get(f"{path}changes/").content.decode()
    assert "<del>package interlock.packs.triage</del>" in changes
    assert "<ins>" not in changes
