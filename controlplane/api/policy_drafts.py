"""Changes of policy on their way: written, checked, simulated, proposed, voted on, activated."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency, paging
from controlplane.api.policies import Activation
from controlplane.api.simulations import LARGEST_SOURCE, USUAL_RANGE, SimulatedDetail
from controlplane.lib import clock
from controlplane.lib.errors import Invalid
from policies import access, activating, drafting, simulation, trying
from policies.models import Draft
from policies.types import DraftState, PackSource
from tenants.http import ApiView
from workflows import comparing

STATES = [state.value for state in DraftState]
STATE = OpenApiParameter("state", str, enum=STATES, description="Only drafts in this state")
LISTED = [*paging.PARAMETERS, STATE]


class PackBody(serializers.Serializer[Any]):
    """`source` and `tests` are Rego, `data` is the configuration, `golden` are cases `{name, input, expect}`,
    `version` is SemVer."""

    source = serializers.CharField(max_length=LARGEST_SOURCE, trim_whitespace=False)  # type: ignore[assignment]
    data = serializers.DictField(required=False, default=dict)  # type: ignore[assignment]
    tests = serializers.CharField(
        max_length=LARGEST_SOURCE, required=False, allow_blank=True, default="", trim_whitespace=False
    )
    golden = serializers.ListField(child=serializers.DictField(), required=False, default=list)
    version = serializers.CharField(max_length=32)


class NewDraft(PackBody):
    """A draft of the pack `pack`. With `removes` it takes the pack out, and nothing else is needed."""

    pack = serializers.CharField(max_length=48)
    source = serializers.CharField(
        max_length=LARGEST_SOURCE, trim_whitespace=False, required=False, allow_blank=True, default=""
    )
    version = serializers.CharField(max_length=32, required=False, default="")
    removes = serializers.BooleanField(required=False, default=False)


class EditedDraft(PackBody):
    """`revision`: the one that was edited. `rebase`: you have looked at what is active now."""

    revision = serializers.IntegerField(min_value=1)
    rebase = serializers.BooleanField(required=False, default=False)


class PackToCheck(PackBody):
    pack = serializers.CharField(max_length=48)


class Proposal(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500)
    revision = serializers.IntegerField(min_value=1, required=False)


class DraftBallot(serializers.Serializer[Any]):
    """`digest`: of the proposal that you looked at. `reason`: needed for a no."""

    approve = serializers.BooleanField()
    digest = serializers.CharField(max_length=64)
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class Range(serializers.Serializer[Any]):
    """Without a range: the last seven days."""

    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)
    most = serializers.IntegerField(required=False, default=10_000, min_value=1, max_value=simulation.MOST)


class NeededRule(serializers.Serializer[Any]):
    code = serializers.CharField()
    why = serializers.CharField()


class NeededVotes(serializers.Serializer[Any]):
    """`quorum` people who neither wrote nor proposed it; `rules` say why so many."""

    quorum = serializers.IntegerField()
    missing = serializers.IntegerField()
    approvals = serializers.ListField(child=serializers.UUIDField())
    rules = NeededRule(many=True)


class DraftVoteShown(serializers.Serializer[Any]):
    proposal = serializers.IntegerField()
    digest = serializers.CharField()
    actor_id = serializers.UUIDField()
    approve = serializers.BooleanField()
    reason = serializers.CharField()
    cast_at = serializers.DateTimeField()


class PolicyDraft(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    environment_id = serializers.UUIDField()
    environment = serializers.CharField(source="environment.slug")
    kind = serializers.SerializerMethodField()
    pack = serializers.CharField()
    version = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    revision = serializers.IntegerField()
    base_seq = serializers.IntegerField()
    author_id = serializers.UUIDField()
    digest = serializers.CharField()
    proposed_by_id = serializers.UUIDField(allow_null=True)
    proposed_reason = serializers.CharField()
    activation_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()

    def get_kind(self, draft: Draft) -> str:
        return drafting.kind_of(draft)


class PolicyDraftDetail(PolicyDraft):
    """`report`: what the last check found; `policies.report.Report` of the source describes its members."""

    source = serializers.CharField()  # type: ignore[assignment]
    data = serializers.JSONField()  # type: ignore[assignment]
    tests = serializers.CharField()
    golden = serializers.JSONField()
    report = serializers.JSONField()
    checked_at = serializers.DateTimeField(allow_null=True)
    simulation = SimulatedDetail(allow_null=True)
    needed = serializers.SerializerMethodField()
    votes = serializers.SerializerMethodField()

    @extend_schema(responses=NeededVotes)
    def get_needed(self, draft: Draft) -> dict[str, Any]:
        return dict(NeededVotes(access.needed(draft)).data)

    def get_votes(self, draft: Draft) -> list[dict[str, Any]]:
        return list(DraftVoteShown(access.votes(draft), many=True).data)


class DraftDiffLine(serializers.Serializer[Any]):
    change = serializers.ChoiceField(choices=[change.value for change in comparing.Change])
    text = serializers.CharField()
    before = serializers.IntegerField(allow_null=True)
    after = serializers.IntegerField(allow_null=True)


class DraftDiff(serializers.Serializer[Any]):
    """The pack as it is active against the draft; both without lines when they say the same."""

    source = DraftDiffLine(many=True)  # type: ignore[assignment]
    tests = DraftDiffLine(many=True)
    data = DraftDiffLine(many=True)  # type: ignore[assignment]


def shown(draft: Draft) -> dict[str, Any]:
    made: Any = PolicyDraftDetail(draft)  # its member `data` hides the serializer's own from the types
    return dict(made.data)


class PolicyDrafts(ApiView):
    @extend_schema(operation_id="policy_drafts_list", parameters=LISTED, responses=paging.page_of(PolicyDraft))
    def get(self, request: Request) -> Response:
        """Newest first, of every environment that you see."""
        return _page(self, request)


class EnvironmentDrafts(ApiView):
    @extend_schema(operation_id="policy_drafts_of", parameters=LISTED, responses=paging.page_of(PolicyDraft))
    def get(self, request: Request, environment_id: UUID) -> Response:
        """Newest first."""
        return _page(self, request, environment_id=environment_id)

    @extend_schema(operation_id="policy_drafts_begin", request=NewDraft, responses={201: PolicyDraftDetail})
    def post(self, request: Request, environment_id: UUID) -> Response:
        """Begin a draft: nothing of it is active before others approved it."""
        body = _body(NewDraft, request)
        removes, pack = body.pop("removes"), body.pop("pack")
        given = {"pack": pack} if removes else {"pack": pack, **body}
        verb: Callable[..., Draft] = drafting.remove_pack if removes else drafting.save
        return idempotency.once(
            request, actor=self.actor, verb=verb, render=shown, status=201, environment_id=environment_id, **given
        )


class PolicyCheck(ApiView):
    @extend_schema(operation_id="policies_check", request=PackToCheck, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, environment_id: UUID) -> Response:
        """What a check would say to this pack; nothing is written. The report of `policy_drafts_check`."""
        body = _body(PackToCheck, request)
        pack = body.pop("pack")
        report = trying.check_text(environment_id=environment_id, pack=pack, text=PackSource(**body), actor=self.actor)
        return Response(report.told())


class PolicyDraftOne(ApiView):
    @extend_schema(operation_id="policy_drafts_show", responses=PolicyDraftDetail)
    def get(self, request: Request, draft_id: UUID) -> Response:
        """Its text, its last check, and who must still approve it."""
        return Response(shown(access.draft(self.actor, draft_id)))

    @extend_schema(operation_id="policy_drafts_save", request=EditedDraft, responses=PolicyDraftDetail)
    def post(self, request: Request, draft_id: UUID) -> Response:
        """Replace its text. What was checked, simulated or voted no longer counts."""
        _require_seen(self, draft_id)
        return _once(self, request, drafting.save, draft_id, **_body(EditedDraft, request))


class PolicyDraftDiff(ApiView):
    @extend_schema(operation_id="policy_drafts_diff", responses=DraftDiff)
    def get(self, request: Request, draft_id: UUID) -> Response:
        """What it changes in the pack that is active now, line by line."""
        draft = access.draft(self.actor, draft_id)
        before = access.text_before(draft) or PackSource("")
        made: Any = DraftDiff(trying.compared(before, draft, comparing.between))
        return Response(made.data)


class PolicyDraftCheck(ApiView):
    @extend_schema(operation_id="policy_drafts_check", request=None, responses=PolicyDraftDetail)
    def post(self, request: Request, draft_id: UUID) -> Response:
        """Parse, gate, compile, test and build it; the `report` says what to change, with line and column."""
        _require_seen(self, draft_id)
        return _once(
            self,
            request,
            drafting.keep_report,
            draft_id,
            prepare=lambda: {"checked": drafting.examine(draft_id=draft_id, actor=self.actor)},
        )


class PolicyDraftSimulations(ApiView):
    @extend_schema(operation_id="policy_drafts_simulate", request=Range, responses={202: PolicyDraftDetail})
    def post(self, request: Request, draft_id: UUID) -> Response:
        """Weigh it on recorded decisions; look at its `simulation` until that is over."""
        _require_seen(self, draft_id)
        body, now = _body(Range, request), clock.now()
        span = {"since": body.get("since") or now - USUAL_RANGE, "until": body.get("until") or now}
        return _once(self, request, drafting.simulate, draft_id, status=202, most=body["most"], **span)


class PolicyDraftPropose(ApiView):
    @extend_schema(operation_id="policy_drafts_propose", request=Proposal, responses=PolicyDraftDetail)
    def post(self, request: Request, draft_id: UUID) -> Response:
        """Ask others to approve exactly this."""
        _require_seen(self, draft_id)
        return _once(self, request, drafting.propose, draft_id, **_body(Proposal, request))


class PolicyDraftVotes(ApiView):
    @extend_schema(operation_id="policy_drafts_vote", request=DraftBallot, responses=PolicyDraftDetail)
    def post(self, request: Request, draft_id: UUID) -> Response:
        """Say yes or no to what you looked at. Nobody votes on what they wrote or proposed."""
        _require_seen(self, draft_id)
        return _once(self, request, drafting.vote, draft_id, **_body(DraftBallot, request))


class PolicyDraftActivate(ApiView):
    @extend_schema(operation_id="policy_drafts_activate", request=None, responses={201: Activation})
    def post(self, request: Request, draft_id: UUID) -> Response:
        """Make an approved draft the policy of its environment."""
        _require_seen(self, draft_id)
        return idempotency.once(
            request,
            actor=self.actor,
            verb=activating.activate_ready,
            render=lambda row: dict(Activation(row).data),
            status=201,
            prepare=lambda: {"ready": activating.prepare(draft_id=draft_id, actor=self.actor)},
        )


class PolicyDraftWithdraw(ApiView):
    @extend_schema(operation_id="policy_drafts_withdraw", request=None, responses=PolicyDraftDetail)
    def post(self, request: Request, draft_id: UUID) -> Response:
        """Close it for good."""
        _require_seen(self, draft_id)
        return _once(self, request, drafting.withdraw, draft_id)


VERBS: Mapping[str, type[ApiView]] = {
    "activate": PolicyDraftActivate,
    "check": PolicyDraftCheck,
    "diff": PolicyDraftDiff,
    "propose": PolicyDraftPropose,
    "simulations": PolicyDraftSimulations,
    "votes": PolicyDraftVotes,
    "withdraw": PolicyDraftWithdraw,
}
"""What can be asked of one draft, by the last part of its address."""


def _once(
    view: ApiView, request: Request, verb: Callable[..., Draft], draft_id: UUID, *, status: int = 200, **arguments: Any
) -> Response:
    return idempotency.once(
        request, actor=view.actor, verb=verb, render=shown, status=status, draft_id=draft_id, **arguments
    )


@transaction.atomic
def _require_seen(view: ApiView, draft_id: UUID) -> None:
    """What is foreign is missing, whatever the body says."""
    access.draft(view.actor, draft_id)


def _body(form: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    body = form(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _page(view: ApiView, request: Request, environment_id: UUID | None = None) -> Response:
    page, state = paging.asked(request), request.query_params.get("state")
    if state is not None and state not in STATES:
        raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
    rows = access.drafts(
        view.actor,
        environment_id=environment_id,
        state=DraftState(state) if state else None,
        before=page.before,
        limit=page.limit + 1,
    )
    return Response(paging.envelope(rows, page, lambda row: dict(PolicyDraft(row).data)))
