"""A decision explained: the rules and their lines, what was asked, what it asked for, every step on demand."""

from types import SimpleNamespace
from typing import Any

from django.db import transaction

from evidence.models import Event
from policies.types import Effect, PackSource
from tenants import scope, services
from tenants.actors import Actor
from tenants.roles import Role
from tests.deciding import decide, publish
from tests.policy_questions import DIGEST, question

HOSTILE = """package interlock.packs.hostile

grants contains {"rule": "interlock.packs.hostile"} if input.action == "tool.call"

findings contains {
	"effect": "DENY",
	"code": "hostile",
	"rule": "interlock.packs.hostile",
	"message": "<script>document.title=1</script>\\u202egnp",
} if {
	input.action == "tool.call" # <img src=x onerror=alert(1)>
}
"""


def page(visitor: Any, decision: Any) -> str:
    return visitor.get(f"/o/a/policies/decisions/{decision.id}/").content.decode()


def test_rules_lead_to_their_line_in_the_bundle_that_decided(signed_in: Any, world: SimpleNamespace) -> None:
    publish(world)
    bob, decision = signed_in(world.a.bob), decide(world)
    shown = page(bob, decision)
    assert "A person must approve what is written to the incident." in shown
    address = shown.split('"><code>interlock.packs.triage.write</code>')[0].rpartition('href="')[2]
    source = bob.get(address.replace("&amp;", "&")).content.decode()
    line = address.partition("#L")[2]
    row = source.split(f'<tr id="L{line}">')[1].split("</tr>")[0]
    assert "write_needs_approval" in row


def test_obligations_and_approvals_are_told_in_sentences(signed_in: Any, world: SimpleNamespace) -> None:
    publish(world)
    bob = signed_in(world.a.bob)
    assert "1 person must approve, tier standard, within 60 min." in page(bob, decide(world))
    asked = question(world.a)
    approval = {"request_id": str(world.a.tenant.id), "tier": "standard", "approvers": [str(world.a.bob.id)]}
    at = asked["context"]["now_ns"]
    asked["approvals"] = [
        {**approval, "action_digest": DIGEST, "decided_at_ns": at},
        {**approval, "action_digest": "cd" * 32, "decided_at_ns": at},
    ]
    decision = decide(world, asked)
    assert decision.effect is Effect.ALLOW
    shown = page(bob, decision)
    assert "for exactly this action" in shown
    assert "for another action: it does not count" in shown


def test_a_call_shows_its_decisions_in_order(signed_in: Any, world: SimpleNamespace) -> None:
    publish(world)
    about = {"run_id": world.a.workspace.id, "call_id": world.a.tenant.id}
    first, second = decide(world, **about), decide(world, **about)
    shown = page(signed_in(world.a.bob), second)
    assert f"/o/a/policies/decisions/{first.id}/" in shown
    assert "(this one)" in shown


def test_content_is_withheld_from_those_who_may_not_see_it(signed_in: Any, world: SimpleNamespace) -> None:
    publish(world)
    decision = decide(world)
    with scope.enter(world.a.tenant.id):
        installer = Actor.system(world.a.tenant.id, "installer")
        place = world.a.workspace.id
        services.grant_role(user_id=world.charlie.id, role=Role.VIEWER, workspace_id=place, actor=installer)
    mine, theirs = page(signed_in(world.a.bob), decision), page(signed_in(world.charlie), decision)
    assert "Routed." in mine
    assert "Routed." not in theirs
    assert "[withheld]" in theirs
    assert "servicenow.incident.update" in theirs
    refused = signed_in(world.charlie).post(f"/o/a/policies/decisions/{decision.id}/")
    assert refused.status_code == 403
    assert traced_events(world) == 0


def test_a_trace_tells_what_held_and_goes_on_record(signed_in: Any, world: SimpleNamespace) -> None:
    publish(world)
    decision = decide(world)
    answer = signed_in(world.a.bob).post(f"/o/a/policies/decisions/{decision.id}/")
    shown = answer.content.decode()
    assert "Decided again as recorded" in shown
    triage = next(module for module in answer.context["steps"] if module["path"].endswith("triage.rego"))
    marks = {line.strip(): mark for line, mark in triage["lines"] if mark}
    assert marks["not lib.approved(tier)"] == "held"
    assert marks["count(foreign_fields) > 0"] == "failed"
    assert traced_events(world) == 1


def test_a_decision_that_no_policy_made_is_explained_and_not_traced(signed_in: Any, world: SimpleNamespace) -> None:
    bob, decision = signed_in(world.a.bob), decide(world)
    shown = page(bob, decision)
    assert "No policy is published for this environment." in shown
    assert "denied without asking one" in shown
    answer = bob.post(f"/o/a/policies/decisions/{decision.id}/")
    assert answer.status_code == 409
    assert "refused by itself" in answer.content.decode()


def test_text_of_a_pack_stays_text(signed_in: Any, world: SimpleNamespace) -> None:
    publish(world, PackSource(HOSTILE), name="hostile")
    bob, decision = signed_in(world.a.bob), decide(world)
    traced = bob.post(f"/o/a/policies/decisions/{decision.id}/").content.decode()
    source = bob.get(f"/o/a/policies/bundles/{bundle_of(traced)}/").content.decode()
    for shown in (page(bob, decision), traced, source, bob.get("/o/a/policies/decisions/").content.decode()):
        assert "<script>document" not in shown
        assert "<img src=x" not in shown
        assert "\u202e" not in shown


def test_decisions_of_others_are_not_there(signed_in: Any, world: SimpleNamespace) -> None:
    decision = decide(world)
    assert signed_in(world.b.bob).get(f"/o/b/policies/decisions/{decision.id}/").status_code == 404


def bundle_of(shown: str) -> str:
    return shown.split("/policies/bundles/")[1].split("/")[0]


def traced_events(world: SimpleNamespace) -> int:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return Event.objects.filter(type="policy.decision_traced").count()
