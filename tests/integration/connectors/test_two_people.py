"""How many people it takes: what policy says, and two at a high risk where it says nothing."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals.models import ApprovalRequest
from approvals.services import cast_vote
from approvals.types import Channel, Verdict
from connectors import gateway
from connectors.calls import CallSpec, CallState
from connectors.sandbox.servicenow import schema
from policies.models import DecisionRecord
from policies.types import PackSource
from tenants import payloads
from tenants import services as people
from tenants.actors import Actor
from tenants.permissions import Role
from tests import gateway_ground as ground
from tests.stand_ins import StandIns

PAIR = {
    "user": schema.stable_id("sys_user", "dave.frost"),
    "group": schema.stable_id("sys_user_group", "Payroll Readers"),
}
HEADER = "package interlock.packs.extra\n\nimport data.interlock.lib\n\n"
REMOVES = 'input.resource.tool == "servicenow.membership.remove"'
READS = 'input.resource.tool == "servicenow.membership.get"'
GRANT = (
    f'grants contains {{"rule": "extra.remove", "carries": ["personal"]}} if {REMOVES}\n'
    f'grants contains {{"rule": "extra.read"}} if {READS}\n'
)
HAND = '{"type": "approval", "tier": "standard", "expires_s": 600, "distinct_roles": false'

SILENT = 'lib.approval("standard", 600)', 'lib.approved("standard")'
ALONE = 'lib.approval_by("standard", 1, 600)', 'lib.approved_by("standard", 1)'
ASKED: dict[str, tuple[str, str, int]] = {
    "no obligation at all": ("", "count(input.approvals) > 0", 2),
    "an obligation without a number": (HAND + "}", "count(input.approvals) > 0", 2),
    "a tier and nothing more": (*SILENT, 2),
    "one, by the function": (*ALONE, 1),
    "one, by hand": (HAND + ', "quorum": 1}', "count(input.approvals) > 0", 1),
    "three": ('lib.approval_by("standard", 3, 600)', 'lib.approved_by("standard", 3)', 3),
}


def rule(obligation: str, solved: str, when: str = REMOVES) -> str:
    asks = '"effect": "REQUIRE_HITL", "code": "extra", "rule": "extra", "message": "Somebody loses access."'
    finding = f'{{{asks}, "obligations": [{obligation}]}}'
    return f"{GRANT}findings contains {finding} if {{\n\t{when}\n\tnot solved\n}}\nsolved if {solved}\n"


@pytest.fixture
def under(bare: SimpleNamespace) -> Callable[[str], SimpleNamespace]:
    """Tenant A under the triage pack and one more; carol and dana may decide as well as bob."""

    def publish(rego: str) -> SimpleNamespace:
        ground.publish(bare, bare.admin, extra=PackSource(source=HEADER + rego))
        return bare

    boss = Actor.system(bare.tenant.id, "installer")
    for role in (Role.APPROVER, Role.AUDITOR):
        people.grant_role(user_id=bare.dana.id, role=role, workspace_id=bare.workspace.id, actor=boss)
    return publish


@pytest.fixture
def yes(actor_of: Callable[..., Any]) -> Callable[..., None]:
    def say(side: SimpleNamespace, request_id: Any, who: Any) -> None:
        with transaction.atomic():
            shown = ApprovalRequest.objects.get(pk=request_id).display_digest
        said = {"verdict": Verdict.APPROVE, "reason": "as asked", "channel": Channel.CONSOLE, "seen_digest": shown}
        cast_vote(request_id=request_id, actor=actor_of(who, side.tenant), **said)

    return say


def removal(side: SimpleNamespace) -> CallSpec:
    return ground.spec_for(side, "servicenow.membership.remove", "servicenow", PAIR)


def again(side: SimpleNamespace, call: Any) -> Any:
    return gateway.advance(call_id=call.call_id, actor=ground.worker(side))


def quorum(call: Any) -> int:
    with transaction.atomic():
        return ApprovalRequest.objects.get(pk=call.request_id).quorum


@pytest.mark.parametrize("said", ASKED)
def test_a_high_risk_takes_two_people_unless_policy_names_a_number(
    said: str, under: Callable[..., Any], vendors: StandIns, yes: Callable[..., None]
) -> None:
    obligation, solved, needed = ASKED[said]
    side = under(rule(obligation, solved))
    call = ground.go(side, removal(side))
    assert (call.state, call.code) == (CallState.WAITING_APPROVAL, "approval_pending"), call.detail
    assert quorum(call) == needed
    for who in (side.bob, side.carol, side.dana)[:needed]:
        assert (again(side, call).state, ground.writes(vendors)) == (CallState.WAITING_APPROVAL, [])
        yes(side, call.request_id, who)
    assert again(side, call).state is CallState.SUCCEEDED


def test_a_lower_risk_takes_one(under: Callable[..., Any], vendors: StandIns) -> None:
    side = under("")
    args = ground.update_args(vendors.incident(category="inquiry"))
    assert quorum(ground.go(side, ground.spec_for(side, "servicenow.incident.update", "servicenow", args))) == 1


def test_one_yes_does_not_cover_a_policy_that_names_no_number_any_more(
    under: Callable[..., Any], vendors: StandIns, yes: Callable[..., None]
) -> None:
    side = under(rule(*ALONE))
    call = ground.go(side, removal(side))
    yes(side, call.request_id, side.bob)
    under(rule(*SILENT))
    done = again(side, call)
    assert (done.state, done.code, ground.writes(vendors)) == (CallState.DENIED, "approval_not_accepted", [])


def test_policy_asks_for_one_of_each_role_and_is_told_who_had_which(
    under: Callable[..., Any], vendors: StandIns, yes: Callable[..., None]
) -> None:
    both = '{"approver", "auditor"}'
    side = under(rule(f'lib.approval_in_roles("standard", {both}, 600)', f'lib.approved_in_roles("standard", {both})'))
    call = ground.go(side, removal(side))
    for who in (side.bob, side.carol):
        yes(side, call.request_id, who)
        assert again(side, call).state is CallState.WAITING_APPROVAL
    yes(side, call.request_id, side.dana)
    assert again(side, call).state is CallState.SUCCEEDED
    with transaction.atomic():
        last = DecisionRecord.objects.filter(call_id=call.call_id, effect="ALLOW").latest("id")
        (approval,) = payloads.get_json(last.input_digest)["approvals"]
    assert {vote["person"]: vote["roles"] for vote in approval["votes"]} == {
        str(side.bob.id): ["approver"],
        str(side.carol.id): ["approver"],
        str(side.dana.id): ["approver", "auditor", "operator"],
    }
