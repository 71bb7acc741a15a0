"""Before an approval is used it is looked at once more: would it still be given?"""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals import services
from approvals.errors import ApprovalUnusable
from approvals.types import State, Tier
from tenants.models import Membership, User
from tenants.roles import Role
from tenants.services import grant_role, withdraw_role
from tests.integration.approvals.test_requests import state, told


def dismiss(desk: SimpleNamespace, person: Any) -> None:
    with transaction.atomic():
        rows = list(Membership.objects.filter(user_id=person.id).values_list("pk", flat=True))
    for pk in rows:
        withdraw_role(membership_id=pk, actor=desk.alice)


def test_a_yes_of_somebody_who_may_no_longer_decide_is_none(desk: SimpleNamespace) -> None:
    request = desk.ask()
    desk.yes(request, desk.bob)
    assert len(told(request)) == 1
    dismiss(desk, desk.bob)
    assert told(request) == []
    with pytest.raises(ApprovalUnusable, match="may no longer decide"):
        desk.use(request)
    assert state(request) == State.APPROVED


def test_it_counts_again_when_the_role_is_given_back(desk: SimpleNamespace) -> None:
    request = desk.ask()
    desk.yes(request, desk.bob)
    dismiss(desk, desk.bob)
    workspace = desk.world.a.workspace.id
    grant_role(user_id=desk.bob.id, role=Role.APPROVER, workspace_id=workspace, actor=desk.alice)
    desk.use(request)
    assert state(request) == State.CONSUMED


def test_the_others_still_have_to_be_enough(desk: SimpleNamespace) -> None:
    request = desk.ask(tier=Tier.TWO_PERSON)
    desk.yes(request, desk.bob)
    desk.yes(request, desk.carol)
    User.objects.filter(pk=desk.carol.id).update(is_active=False)
    with pytest.raises(ApprovalUnusable, match=desk.carol.label):
        desk.use(request)


def test_whoever_was_stood_in_for_still_has_to_hold_the_right(desk: SimpleNamespace) -> None:
    from tests.integration.approvals.test_delegation import stand_in

    request = desk.ask(agent_owner_id=None)
    stand_in(desk, desk.bob, desk.alice)
    desk.yes(request, desk.alice)
    dismiss(desk, desk.bob)
    assert told(request) == []
    with pytest.raises(ApprovalUnusable):
        desk.use(request)


def test_another_attempt_of_a_used_approval_is_weighed_the_same(desk: SimpleNamespace) -> None:
    request = desk.ask()
    desk.yes(request, desk.bob)
    desk.use(request)
    with transaction.atomic():
        assert len(services.approvals_for(request.pk, used_by=request.call_id)) == 1
    dismiss(desk, desk.bob)
    with transaction.atomic():
        assert services.approvals_for(request.pk, used_by=request.call_id) == []
