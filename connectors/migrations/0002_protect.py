from django.db import migrations

from tenants.rls import ProtectTenantTable, RoutingFunction, TenantForeignKey

CHANGED, KEPT = "SELECT, INSERT, UPDATE", "SELECT, INSERT"

TABLES = {
    "connectors_connectorinstance": CHANGED,
    "connectors_toolcall": CHANGED,
    "connectors_callattempt": CHANGED,
    "connectors_history": CHANGED,
    "connectors_webhookendpoint": CHANGED,
    "connectors_webhookdelivery": KEPT,
    "connectors_slackidentity": "SELECT, INSERT, UPDATE, DELETE",
    "connectors_slackdelivery": "SELECT, INSERT, DELETE",
    "connectors_approvalcard": CHANGED,
}

KEYS = (
    ("connectors_toolcall", "workspace_id", "tenants_workspace"),
    ("connectors_toolcall", "environment_id", "tenants_environment"),
    ("connectors_toolcall", "instance_id", "connectors_connectorinstance"),
    ("connectors_toolcall", "compensates_id", "connectors_toolcall"),
    ("connectors_toolcall", "observation_id", "connectors_toolcall"),
    ("connectors_callattempt", "call_id", "connectors_toolcall"),
    ("connectors_webhookendpoint", "workspace_id", "tenants_workspace"),
    ("connectors_webhookendpoint", "environment_id", "tenants_environment"),
    ("connectors_webhookendpoint", "instance_id", "connectors_connectorinstance"),
    ("connectors_webhookdelivery", "endpoint_id", "connectors_webhookendpoint"),
    ("connectors_slackdelivery", "endpoint_id", "connectors_webhookendpoint"),
    ("connectors_approvalcard", "instance_id", "connectors_connectorinstance"),
    ("connectors_approvalcard", "post_call_id", "connectors_toolcall"),
)


class Migration(migrations.Migration):
    dependencies = [("connectors", "0001_initial"), ("tenants", "0002_protect")]

    operations = [
        *(ProtectTenantTable(table, app=privileges) for table, privileges in TABLES.items()),
        *(TenantForeignKey(child, column, parent) for child, column, parent in KEYS),
        RoutingFunction(
            "webhook_tenant",
            args="wanted bytea",
            returns="uuid",
            body="SELECT e.tenant_id FROM connectors_webhookendpoint e WHERE e.token_digest = wanted AND e.enabled",
            reads={"connectors_webhookendpoint": ["tenant_id", "token_digest", "enabled"]},
        ),
    ]
