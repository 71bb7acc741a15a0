"""Requests for approval: the queue, one request with what is shown, and the vote."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals import access, services
from approvals.types import Channel, Outcome, State, Tier, Verdict
from controlplane.api import idempotency, paging
from controlplane.lib.errors import Invalid
from tenants.http import ApiView

STATES = [state.value for state in State]
VERDICTS = [verdict.value for verdict in Verdict]
WHICH = OpenApiParameter("which", str, enum=["mine", "all", "decided"], description="Which queue; `mine` when left out")


class Approval(serializers.Serializer[Any]):
    """`expires_at` moves while a halt stands; `why_not` says in a sentence why you may not vote."""

    id = serializers.UUIDField(source="request.id")
    title = serializers.CharField(source="request.title")
    state = serializers.ChoiceField(choices=STATES, source="request.state")
    tier = serializers.ChoiceField(choices=[t.value for t in Tier], source="request.tier")
    tool = serializers.CharField(source="request.tool")
    risk = serializers.CharField(source="request.risk")
    ticket = serializers.CharField(source="request.ticket")
    run_id = serializers.UUIDField(source="request.run_id")
    call_id = serializers.UUIDField(source="request.call_id")
    workspace_id = serializers.UUIDField(source="request.workspace_id")
    action_digest = serializers.CharField(source="request.action_digest")
    display_digest = serializers.CharField(source="request.display_digest")
    policy_revision = serializers.CharField(source="request.policy_revision")
    opened_at = serializers.DateTimeField(source="request.opened_at")
    decided_at = serializers.DateTimeField(source="request.decided_at", allow_null=True)
    expires_at = serializers.DateTimeField(source="deadline")
    approvals = serializers.IntegerField()
    quorum = serializers.IntegerField(source="request.quorum")
    roles = serializers.ListField(
        source="request.roles", child=serializers.CharField(), help_text="Places for different people of these roles"
    )
    open_roles = serializers.ListField(child=serializers.CharField(), help_text="Those that nobody fills yet")
    distinct_roles = serializers.BooleanField(source="request.distinct_roles", help_text="No two by the same role")
    step_up = serializers.BooleanField(
        source="request.step_up", help_text="A yes needs a second factor, in the console"
    )
    reason_required = serializers.BooleanField(source="request.reason_required", help_text="A yes says why, too")
    may_vote = serializers.BooleanField()
    why_not = serializers.CharField()
    in_place_of = serializers.CharField(help_text="Whose right your vote would use; empty for your own")


class VoteShown(serializers.Serializer[Any]):
    voter = serializers.CharField(source="voter_label")
    in_place_of = serializers.CharField(source="right_of_label")
    verdict = serializers.CharField()
    reason = serializers.CharField()
    channel = serializers.CharField()
    cast_at = serializers.DateTimeField()
    taken_back = serializers.BooleanField(source="is_taken_back")


class EarlierVersion(serializers.Serializer[Any]):
    """What was asked before the action changed, and what was said about that. It counts for nothing now."""

    id = serializers.UUIDField(source="request.id")
    state = serializers.ChoiceField(choices=STATES, source="request.state")
    action_digest = serializers.CharField(source="request.action_digest")
    display = serializers.JSONField(allow_null=True)
    votes = VoteShown(many=True)


class AlikeDecision(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    decided_at = serializers.DateTimeField()


class ApprovalDetail(Approval):
    """`display` is exactly what a vote binds to; null once the content has expired. `earlier`: the same call before it
    changed, the latest first; `later`: what is asked instead of this. `alike`: the last decisions about the same tool.
    """

    display = serializers.JSONField(allow_null=True)
    votes = VoteShown(many=True)
    may_withdraw = serializers.BooleanField()
    may_take_back = serializers.BooleanField()
    earlier = EarlierVersion(many=True)
    later = serializers.UUIDField(allow_null=True)
    alike = AlikeDecision(many=True)


class ApprovalReasonBody(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=1000)


class VoteBody(serializers.Serializer[Any]):
    """`seen_digest`: the display digest of what the voter saw. `seen_at`: since when they had it before them."""

    verdict = serializers.ChoiceField(choices=VERDICTS)
    reason = serializers.CharField(max_length=1000, allow_blank=True, default="")
    seen_digest = serializers.CharField(max_length=64)
    seen_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class VoteOutcome(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="request_id")
    run_id = serializers.UUIDField()
    call_id = serializers.UUIDField()
    state = serializers.CharField()
    approvals = serializers.IntegerField()
    quorum = serializers.IntegerField()


def outcome_of(outcome: Outcome) -> dict[str, Any]:
    return dict(VoteOutcome(outcome).data)


class Approvals(ApiView):
    @extend_schema(
        operation_id="approvals_list", parameters=[WHICH, *paging.PARAMETERS], responses=paging.page_of(Approval)
    )
    def get(self, request: Request) -> Response:
        """Open requests oldest first, decided ones newest first."""
        which, page = request.query_params.get("which", "mine"), paging.asked(request)
        if which not in access.BOXES:
            raise Invalid(f"which is one of {', '.join(access.BOXES)}", field="which")
        rows = access.queue(self.actor, which, after=page.before, limit=page.limit + 1)
        return Response(paging.envelope(rows, page, Approval().to_representation))


class ApprovalOne(ApiView):
    @extend_schema(operation_id="approvals_show", responses=ApprovalDetail)
    def get(self, request: Request, request_id: UUID) -> Response:
        return Response(ApprovalDetail(access.access_request(self.actor, request_id)).data)


class ApprovalVotes(ApiView):
    @extend_schema(operation_id="approvals_vote", request=VoteBody, responses=VoteOutcome)
    def post(self, request: Request, request_id: UUID) -> Response:
        body = VoteBody(data=request.data)
        body.is_valid(raise_exception=True)
        ballot = body.validated_data
        return idempotency.once(
            request,
            actor=self.actor,
            verb=services.cast_vote,
            render=outcome_of,
            request_id=request_id,
            verdict=Verdict(ballot["verdict"]),
            reason=ballot["reason"],
            channel=Channel.API,
            seen_digest=ballot["seen_digest"],
            seen_at=ballot["seen_at"],
        )


class ApprovalWithdrawal(ApiView):
    @extend_schema(operation_id="approvals_withdraw", request=ApprovalReasonBody, responses=VoteOutcome)
    def post(self, request: Request, request_id: UUID) -> Response:
        """For those behind the question, and for operators: nobody decides it any more."""
        return _said_why(self, request, services.withdraw, request_id)


class ApprovalTakeBack(ApiView):
    @extend_schema(operation_id="approvals_take_back", request=ApprovalReasonBody, responses=VoteOutcome)
    def post(self, request: Request, request_id: UUID) -> Response:
        """Your own yes, while it is not used. Where it was decisive, that is a no."""
        return _said_why(self, request, services.take_back, request_id)


def _said_why(view: ApiView, request: Request, verb: Callable[..., Outcome], request_id: UUID) -> Response:
    body = ApprovalReasonBody(data=request.data)
    body.is_valid(raise_exception=True)
    reason = body.validated_data["reason"]
    return idempotency.once(
        request, actor=view.actor, verb=verb, render=outcome_of, request_id=request_id, reason=reason
    )
