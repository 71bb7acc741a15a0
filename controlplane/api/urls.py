"""`/v1`, one line per resource. Each room's views stand in a module of its own."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from controlplane.api import approvals, costs, evidence, halts, identity, policies, runs

urlpatterns = [
    path("openapi.json", SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]), name="openapi"),
    path("me", identity.Me.as_view(), name="me"),
    path("tokens", identity.Tokens.as_view(), name="tokens"),
    path("tokens/<uuid:token_id>/revoke", identity.TokenRevoke.as_view(), name="token-revoke"),
    path("approvals", approvals.Approvals.as_view(), name="approvals"),
    path("approvals/<uuid:request_id>", approvals.ApprovalOne.as_view(), name="approval"),
    path("approvals/<uuid:request_id>/votes", approvals.ApprovalVotes.as_view(), name="approval-votes"),
    path("policies", policies.Policies.as_view(), name="policies"),
    path("policies/<uuid:environment_id>/activations", policies.Activations.as_view(), name="policy-activations"),
    path("decisions", policies.Decisions.as_view(), name="decisions"),
    path("decisions/<uuid:decision_id>", policies.DecisionOne.as_view(), name="decision"),
    path("decisions/<uuid:decision_id>/input", policies.DecisionInput.as_view(), name="decision-input"),
    path("costs", costs.CostOverview.as_view(), name="costs"),
    path("costs/tickets", costs.CostTickets.as_view(), name="cost-tickets"),
    path("budgets", costs.Budgets.as_view(), name="budgets"),
    path("prices", costs.Prices.as_view(), name="prices"),
    path("halts", halts.Halts.as_view(), name="halts"),
    path("halts/<uuid:halt_id>/request-release", halts.ReleaseRequest.as_view(), name="halt-request-release"),
    path("halts/<uuid:halt_id>/release", halts.Release.as_view(), name="halt-release"),
    path("runs", runs.Runs.as_view(), name="runs"),
    path("runs/<uuid:run_id>", runs.RunOne.as_view(), name="run"),
    path("runs/<uuid:run_id>/events", evidence.RunEvents.as_view(), name="run-events"),
    path("runs/<uuid:run_id>/evidence", evidence.RunBundle.as_view(), name="run-evidence"),
    path("logs", evidence.Logs.as_view(), name="logs"),
    path("trust", evidence.TrustFile.as_view(), name="trust"),
]
