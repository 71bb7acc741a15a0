from django.db import migrations

PERMS = [
    ("view_payloads", "View payloads"),
    ("start_run", "Start run"),
    ("operate", "Operate"),
    ("approve", "Approve"),
    ("approve_high", "Approve high"),
    ("author_policy", "Author policy"),
    ("activate_policy", "Activate policy"),
    ("serve_policy", "Serve policy"),
    ("engage_halt", "Engage halt"),
    ("release_halt", "Release halt"),
]
TABLES = ("tenants_membership", "tenants_environmentuserpermission", "tenants_workspaceuserpermission")

_KNOWN = """
INSERT INTO auth_permission (name, content_type_id, codename)
SELECT %s, kind.id, %s FROM django_content_type kind
WHERE kind.app_label = 'tenants' AND kind.model = 'environment'
ON CONFLICT (content_type_id, codename) DO NOTHING
"""
_GIVEN = """
INSERT INTO tenants_environmentuserpermission (tenant_id, user_id, permission_id, content_object_id)
SELECT DISTINCT given.tenant_id, given.user_id, permission.id, given.environment_id
FROM tenants_membership given
JOIN django_content_type kind ON kind.app_label = 'tenants' AND kind.model = 'environment'
JOIN auth_permission permission ON permission.content_type_id = kind.id
    AND permission.codename IN ('view_payloads', 'engage_halt', 'release_halt')
WHERE given.environment_id IS NOT NULL AND given.role IN ('operator', 'admin')
ON CONFLICT DO NOTHING
"""
_TAKEN = """
DELETE FROM tenants_workspaceuserpermission held
USING auth_permission permission, tenants_membership part
WHERE permission.id = held.permission_id AND permission.codename = 'view_payloads'
    AND part.user_id = held.user_id AND part.workspace_id = held.content_object_id
    AND part.environment_id IS NOT NULL AND part.role IN ('operator', 'admin')
    AND NOT EXISTS (
        SELECT FROM tenants_membership whole
        WHERE whole.user_id = held.user_id AND whole.workspace_id = held.content_object_id
            AND whole.environment_id IS NULL
            AND whole.role IN ('operator', 'approver', 'senior_approver', 'auditor', 'admin')
    )
"""


class Migration(migrations.Migration):
    """Content, decisions and halts belong to an environment as well: a role that was given for one holds there only."""

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("tenants", "0009_machines_and_operators"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="environment",
            options={
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "default_permissions": (),
                "permissions": PERMS,
            },
        ),
        migrations.RunSQL(
            [
                *(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY" for table in TABLES),
                *((_KNOWN, (name, codename)) for codename, name in PERMS),
                _GIVEN,
                _TAKEN,
                "SET CONSTRAINTS ALL IMMEDIATE",
                *(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY" for table in TABLES),
            ],
            migrations.RunSQL.noop,
        ),
    ]
