from django.db import migrations

from tenants.rls import AppendOnly, GrantTable, ProtectTenantTable, RoutingFunction, TenantForeignKey


class Migration(migrations.Migration):
    dependencies = [("workflows", "0001_initial"), ("tenants", "0002_protect")]

    operations = [
        ProtectTenantTable("workflows_workflow", app="SELECT, INSERT, UPDATE"),
        ProtectTenantTable("workflows_workflowversion", app="SELECT, INSERT"),
        ProtectTenantTable("workflows_run", app="SELECT, INSERT, UPDATE"),
        ProtectTenantTable("workflows_step", app="SELECT, INSERT, UPDATE"),
        ProtectTenantTable("workflows_deadletter", app="SELECT, INSERT, UPDATE"),
        AppendOnly("workflows_workflowversion"),
        GrantTable("workflows_wakeup", role="app", privileges="SELECT, INSERT, UPDATE, DELETE"),
        TenantForeignKey("workflows_workflow", "workspace_id", "tenants_workspace"),
        TenantForeignKey("workflows_workflowversion", "workflow_id", "workflows_workflow"),
        TenantForeignKey("workflows_run", "version_id", "workflows_workflowversion"),
        TenantForeignKey("workflows_run", "workspace_id", "tenants_workspace"),
        TenantForeignKey("workflows_run", "environment_id", "tenants_environment"),
        TenantForeignKey("workflows_step", "run_id", "workflows_run"),
        TenantForeignKey("workflows_deadletter", "run_id", "workflows_run"),
        # Claims and heartbeats update the same row often: leave room for them on its page, vacuum it early.
        migrations.RunSQL(
            "ALTER TABLE workflows_run SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)",
            "ALTER TABLE workflows_run RESET (fillfactor, autovacuum_vacuum_scale_factor)",
        ),
        migrations.RunSQL(
            "ALTER TABLE workflows_wakeup SET (autovacuum_vacuum_scale_factor = 0.0,"
            " autovacuum_vacuum_threshold = 1000)",
            "ALTER TABLE workflows_wakeup RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)",
        ),
        RoutingFunction(
            "due_runs",
            args="at timestamptz, most integer",
            returns="TABLE (tenant_id uuid, run_id uuid)",
            body=(
                "SELECT r.tenant_id, r.id FROM workflows_run r"
                " WHERE r.wake_at <= at AND r.state IN ('QUEUED', 'RUNNING', 'WAITING', 'COMPENSATING')"
                " ORDER BY r.wake_at LIMIT most"
            ),
            reads={"workflows_run": ["id", "tenant_id", "state", "wake_at"]},
        ),
    ]
