from django.db import migrations

from tenants.rls import AppendOnly, ProtectTenantTable, RoutingFunction, TenantForeignKey


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial"), ("tenants", "0002_protect")]

    operations = [
        ProtectTenantTable("approvals_approvalrequest", app="SELECT, INSERT, UPDATE"),
        ProtectTenantTable("approvals_vote", app="SELECT, INSERT"),
        AppendOnly("approvals_vote"),
        TenantForeignKey("approvals_approvalrequest", "workspace_id", "tenants_workspace"),
        TenantForeignKey("approvals_vote", "request_id", "approvals_approvalrequest"),
        RoutingFunction(
            "approvals_due",
            args="at timestamptz, most int",
            returns="TABLE (tenant_id uuid, request_id uuid)",
            body=(
                "SELECT r.tenant_id, r.id FROM approvals_approvalrequest r"
                " WHERE r.state = 'PENDING' AND r.due_at <= at ORDER BY r.due_at LIMIT most"
            ),
            reads={"approvals_approvalrequest": ["id", "tenant_id", "state", "due_at"]},
        ),
    ]
