"""`/v1`, one line per resource. Each room's views stand in a module of its own."""

from typing import Any

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

from controlplane.api import (
    approvals,
    connectors,
    costs,
    dead_letters,
    dry_runs,
    evidence,
    halt_rules,
    halts,
    identity,
    policies,
    policy_servers,
    reconcile,
    redrives,
    runs,
    schemas,
    simulations,
    workflows,
)

OPEN: dict[str, Any] = {"authentication_classes": [], "permission_classes": []}

urlpatterns = [
    path("openapi.json", SpectacularJSONAPIView.as_view(**OPEN), name="openapi"),
    path("me", identity.Me.as_view(), name="me"),
    path("tokens", identity.Tokens.as_view(), name="tokens"),
    path("tokens/<uuid:token_id>/revoke", identity.TokenRevoke.as_view(), name="token-revoke"),
    path("approvals", approvals.Approvals.as_view(), name="approvals"),
    path("approvals/<uuid:request_id>", approvals.ApprovalOne.as_view(), name="approval"),
    path("approvals/<uuid:request_id>/votes", approvals.ApprovalVotes.as_view(), name="approval-votes"),
    path("calls/<uuid:call_id>", connectors.CallOne.as_view(), name="call"),
    path("connectors", connectors.Connectors.as_view(), name="connectors"),
    path("dead-letters", dead_letters.DeadLetters.as_view(), name="dead-letters"),
    path("dead-letters/groups", dead_letters.Groups.as_view(), name="dead-letter-groups"),
    path("dead-letters/<uuid:letter_id>/dismiss", dead_letters.Dismiss.as_view(), name="dead-letter-dismiss"),
    path("dead-letters/<uuid:letter_id>/reopen", dead_letters.Reopen.as_view(), name="dead-letter-reopen"),
    path("dead-letters/<uuid:letter_id>/redrive", dead_letters.Redrive.as_view(), name="dead-letter-redrive"),
    path("redrive-jobs", redrives.RedriveJobs.as_view(), name="redrive-jobs"),
    path("redrive-jobs/<uuid:job_id>", redrives.RedriveJobOne.as_view(), name="redrive-job"),
    path("redrive-jobs/<uuid:job_id>/start", redrives.RedriveStart.as_view(), name="redrive-job-start"),
    path("redrive-jobs/<uuid:job_id>/pause", redrives.RedrivePause.as_view(), name="redrive-job-pause"),
    path("redrive-jobs/<uuid:job_id>/stop", redrives.RedriveStop.as_view(), name="redrive-job-stop"),
    path("redrive-jobs/<uuid:job_id>/items", redrives.RedriveJobItems.as_view(), name="redrive-job-items"),
    path("reconcile-tasks", reconcile.ReconcileTasks.as_view(), name="reconcile-tasks"),
    path("reconcile-tasks/<uuid:task_id>", reconcile.ReconcileOne.as_view(), name="reconcile-task"),
    path("reconcile-tasks/<uuid:task_id>/claim", reconcile.ReconcileClaim.as_view(), name="reconcile-claim"),
    path("reconcile-tasks/<uuid:task_id>/release", reconcile.ReconcileRelease.as_view(), name="reconcile-release"),
    path("reconcile-tasks/<uuid:task_id>/answer", reconcile.ReconcileAnswer.as_view(), name="reconcile-answer"),
    path("workflows", workflows.Workflows.as_view(), name="workflows"),
    path("workflows/check", workflows.WorkflowCheck.as_view(), name="workflow-check"),
    path("workflows/<uuid:version_id>", workflows.WorkflowOne.as_view(), name="workflow"),
    path("workflows/<slug:name>/dry-runs", dry_runs.DryRuns.as_view(), name="dry-runs"),
    path("workflows/<uuid:version_id>/diff", workflows.WorkflowDiff.as_view(), name="workflow-diff"),
    path("schemas", schemas.Schemas.as_view(), name="schemas"),
    path("schemas/<slug:name>", schemas.SchemaOne.as_view(), name="schema"),
    path("policies", policies.Policies.as_view(), name="policies"),
    path("policies/<uuid:environment_id>/activations", policies.Activations.as_view(), name="policy-activations"),
    path(
        "opa/environments/<uuid:environment_id>/bundle.tar.gz", policy_servers.PolicyBundle.as_view(), name="opa-bundle"
    ),
    path(
        "opa/environments/<uuid:environment_id>/status", policy_servers.PolicyServerStatus.as_view(), name="opa-status"
    ),
    path("opa/environments/<uuid:environment_id>/logs", policy_servers.PolicyServerLog.as_view(), name="opa-logs"),
    path(
        "policies/<uuid:environment_id>/simulations", simulations.PolicySimulations.as_view(), name="policy-simulations"
    ),
    path("simulations", simulations.Simulations.as_view(), name="simulations"),
    path("simulations/<uuid:simulation_id>", simulations.SimulationOne.as_view(), name="simulation"),
    path("decisions", policies.Decisions.as_view(), name="decisions"),
    path("decisions/<uuid:decision_id>", policies.DecisionOne.as_view(), name="decision"),
    path("decisions/<uuid:decision_id>/input", policies.DecisionInput.as_view(), name="decision-input"),
    path("costs", costs.CostOverview.as_view(), name="costs"),
    path("costs/tickets", costs.CostTickets.as_view(), name="cost-tickets"),
    path("budgets", costs.Budgets.as_view(), name="budgets"),
    path("prices", costs.Prices.as_view(), name="prices"),
    path("halts", halts.Halts.as_view(), name="halts"),
    path("halt-drills", halt_rules.HaltDrills.as_view(), name="halt-drills"),
    path("halt-triggers", halt_rules.HaltTriggers.as_view(), name="halt-triggers"),
    path("halt-triggers/<uuid:trigger_id>/on", halt_rules.HaltTriggerOn.as_view(), name="halt-trigger-on"),
    path("halt-triggers/<uuid:trigger_id>/off", halt_rules.HaltTriggerOff.as_view(), name="halt-trigger-off"),
    path("halts/<uuid:halt_id>/request-release", halts.ReleaseRequest.as_view(), name="halt-request-release"),
    path("halts/<uuid:halt_id>/release", halts.Release.as_view(), name="halt-release"),
    path("runs", runs.Runs.as_view(), name="runs"),
    path("runs/<uuid:run_id>", runs.RunOne.as_view(), name="run"),
    path("runs/<uuid:run_id>/cancel", runs.RunCancel.as_view(), name="run-cancel"),
    path("runs/<uuid:run_id>/pause", runs.RunPause.as_view(), name="run-pause"),
    path("runs/<uuid:run_id>/resume", runs.RunResume.as_view(), name="run-resume"),
    path("runs/<uuid:run_id>/retry", runs.RunRetry.as_view(), name="run-retry"),
    path("runs/<uuid:run_id>/settle", runs.RunSettle.as_view(), name="run-settle"),
    path("runs/<uuid:run_id>/outcome", runs.RunOutcome.as_view(), name="run-outcome"),
    path("runs/<uuid:run_id>/calls", connectors.RunCalls.as_view(), name="run-calls"),
    path("runs/<uuid:run_id>/events", evidence.RunEvents.as_view(), name="run-events"),
    path("runs/<uuid:run_id>/evidence", evidence.RunBundle.as_view(), name="run-evidence"),
    path("logs", evidence.Logs.as_view(), name="logs"),
    path("trust", evidence.TrustFile.as_view(), name="trust"),
]
