from django.db import migrations

from tenants.rls import GrantTable, ProtectTenantTable, RoutingFunction, TenantForeignKey

GLOBAL_TABLES = {
    "tenants_user": "SELECT, INSERT, UPDATE",
    "tenants_user_groups": "SELECT",
    "tenants_user_user_permissions": "SELECT",
    "auth_permission": "SELECT",
    "auth_group": "SELECT",
    "auth_group_permissions": "SELECT",
    "django_content_type": "SELECT",
    "django_migrations": "SELECT",
    "django_session": "SELECT, INSERT, UPDATE, DELETE",
    "django_admin_log": "SELECT",
}


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0001_initial"),
        ("sessions", "0001_initial"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]

    operations = [
        ProtectTenantTable("tenants_tenant", column="id", app="SELECT, INSERT, UPDATE"),
        ProtectTenantTable("tenants_workspace", app="SELECT, INSERT, UPDATE"),
        ProtectTenantTable("tenants_environment", app="SELECT, INSERT, UPDATE"),
        ProtectTenantTable("tenants_membership"),
        ProtectTenantTable("tenants_workspaceuserpermission"),
        ProtectTenantTable("tenants_apitoken", app="SELECT, INSERT, UPDATE"),
        ProtectTenantTable("tenants_datakey", app="SELECT, INSERT"),
        ProtectTenantTable("tenants_credential"),
        ProtectTenantTable("tenants_payload"),
        ProtectTenantTable("tenants_halt", app="SELECT, INSERT, UPDATE", shared=True),
        TenantForeignKey("tenants_environment", "workspace_id", "tenants_workspace"),
        TenantForeignKey("tenants_membership", "workspace_id", "tenants_workspace"),
        TenantForeignKey("tenants_workspaceuserpermission", "content_object_id", "tenants_workspace"),
        TenantForeignKey("tenants_credential", "key_id", "tenants_datakey"),
        TenantForeignKey("tenants_payload", "key_id", "tenants_datakey"),
        *(GrantTable(table, role="app", privileges=privileges) for table, privileges in GLOBAL_TABLES.items()),
        RoutingFunction(
            "tenant_by_slug",
            args="wanted text",
            returns="uuid",
            body="SELECT id FROM tenants_tenant WHERE slug = wanted",
            reads={"tenants_tenant": ["id", "slug"]},
        ),
        RoutingFunction(
            "tenants",
            args="",
            returns="TABLE (tenant_id uuid)",
            body="SELECT id FROM tenants_tenant ORDER BY id",
            reads={},
        ),
        RoutingFunction(
            "tenants_of_user",
            args="wanted uuid",
            returns="TABLE (tenant_id uuid, slug varchar)",
            body=(
                "SELECT DISTINCT t.id, t.slug FROM tenants_tenant t"
                " JOIN tenants_membership m ON m.tenant_id = t.id WHERE m.user_id = wanted ORDER BY t.slug"
            ),
            reads={"tenants_membership": ["tenant_id", "user_id"]},
        ),
        RoutingFunction(
            "token",
            args="wanted bytea",
            returns="TABLE (tenant_id uuid, token_id uuid)",
            body="SELECT t.tenant_id, t.id FROM tenants_apitoken t WHERE t.digest = wanted",
            reads={"tenants_apitoken": ["id", "tenant_id", "digest"]},
        ),
    ]
