"""Addresses of the console. Everything of a tenant is below `/o/<tenant>/`."""

from django.urls import include, path

from controlplane.console import (
    approval_verbs,
    approvals,
    costs,
    deadletters,
    decisions,
    drafts,
    dryruns,
    evidence,
    halt_rules,
    halts,
    now,
    policies,
    reconcile,
    rooms,
    runs,
    sessions,
    sources,
    themes,
    workflows,
)

app_name = "console"

of_tenant = [
    path("", now.Now.as_view(), name="now"),
    path("runs/", runs.Runs.as_view(), name="runs"),
    path("runs/<uuid:id>/", runs.RunDetail.as_view(), name="run"),
    path("runs/<uuid:id>/bundle/", evidence.RunBundle.as_view(), name="run-bundle"),
    path("dead-letters/", deadletters.DeadLetters.as_view(), name="dead-letters"),
    path("dead-letters/<uuid:id>/redrive/", deadletters.Redrive.as_view(), name="redrive"),
    path("dead-letters/<uuid:id>/dismiss/", deadletters.Dismiss.as_view(), name="dismiss"),
    path("dead-letters/<uuid:id>/reopen/", deadletters.Reopen.as_view(), name="reopen"),
    path("dead-letters/plan/", deadletters.PlanRedrive.as_view(), name="redrive-plan"),
    path("redrives/<uuid:id>/", deadletters.RedriveJob.as_view(), name="redrive-job"),
    path("reconcile/", reconcile.Reconcile.as_view(), name="reconcile"),
    path("reconcile/<uuid:id>/", reconcile.ReconcileDetail.as_view(), name="reconcile-task"),
    path("approvals/", approvals.Approvals.as_view(), name="approvals"),
    path("approvals/<uuid:id>/", approvals.Approval.as_view(), name="approval"),
    path("approvals/<uuid:id>/withdraw/", approval_verbs.Withdraw.as_view(), name="approval-withdraw"),
    path("approvals/<uuid:id>/take-back/", approval_verbs.TakeBack.as_view(), name="approval-take-back"),
    path("approvals/selection/", approval_verbs.SelectionPage.as_view(), name="approval-selection"),
    path("approvals/delegations/", approval_verbs.Delegations.as_view(), name="approval-delegations"),
    path(
        "approvals/delegations/<uuid:id>/end/", approval_verbs.EndDelegation.as_view(), name="approval-delegation-end"
    ),
    path("workflows/", workflows.Workflows.as_view(), name="workflows"),
    path("workflows/<uuid:id>/", workflows.WorkflowDetail.as_view(), name="workflow"),
    path("workflows/<uuid:id>/try/", dryruns.TryWorkflow.as_view(), name="workflow-try"),
    path("policies/", policies.Policies.as_view(), name="policies"),
    path("enforcement/", rooms.Enforcement.as_view(), name="enforcement"),
    path("policies/drafts/", drafts.Drafts.as_view(), name="policy-drafts"),
    path("policies/drafts/<uuid:id>/", drafts.PolicyDraft.as_view(), name="policy-draft"),
    path("policies/drafts/<uuid:id>/changes/", drafts.DraftChanges.as_view(), name="policy-changes"),
    path("policies/drafts/<uuid:id>/impact/", drafts.DraftImpact.as_view(), name="policy-impact"),
    path("policies/environments/<uuid:id>/", policies.Environment.as_view(), name="policy-environment"),
    path("policies/environments/<uuid:id>/compare/", policies.Compare.as_view(), name="policy-compare"),
    path("policies/decisions/", decisions.DecisionLog.as_view(), name="decisions"),
    path("policies/decisions/<uuid:id>/", decisions.Decision.as_view(), name="decision"),
    path("policies/bundles/<uuid:id>/", sources.BundleSource.as_view(), name="bundle"),
    path("connectors/", rooms.Connectors.as_view(), name="connectors"),
    path("evidence/trust.json", evidence.TrustFile.as_view(), name="trust"),
    path("evidence/events/", evidence.Events.as_view(), name="events"),
    path("evidence/verify/", evidence.Verify.as_view(), name="verify"),
    path("evidence/", evidence.Evidence.as_view(), name="evidence"),
    path("costs/", costs.Costs.as_view(), name="costs"),
    path("halts/", halts.Halts.as_view(), name="halts"),
    path("halts/drill/", halt_rules.HaltDrill.as_view(), name="halt-drill"),
    path("halts/rule/", halt_rules.HaltTriggerSet.as_view(), name="halt-trigger"),
    path("halts/triggers/<uuid:id>/", halt_rules.HaltTriggerSwitch.as_view(), name="halt-trigger-switch"),
    path("halts/check/", halts.HaltCheck.as_view(), name="halt-check"),
    path("halts/<uuid:id>/request-release/", halts.HaltRequestRelease.as_view(), name="halt-request"),
    path("halts/<uuid:id>/release/", halts.HaltRelease.as_view(), name="halt-release"),
]

urlpatterns = [
    path("", sessions.Organisations.as_view(), name="organisations"),
    path("theme/", themes.Theme.as_view(), name="theme"),
    path("o/<slug:tenant>/", include(of_tenant)),
]
