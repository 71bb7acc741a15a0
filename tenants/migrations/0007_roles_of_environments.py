import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import tenants.scope
from tenants.rls import ProtectTenantTable, TenantForeignKey


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("tenants", "0006_old_keys_end"),
    ]

    operations = [
        migrations.CreateModel(
            name="EnvironmentUserPermission",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "content_object",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="tenants.environment"),
                ),
                ("permission", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="auth.permission")),
                (
                    "tenant",
                    models.ForeignKey(
                        default=tenants.scope.current,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
            },
        ),
        migrations.AlterModelOptions(
            name="environment",
            options={
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "default_permissions": (),
                "permissions": [
                    ("start_run", "Start run"),
                    ("operate", "Operate"),
                    ("author_policy", "Author policy"),
                    ("activate_policy", "Activate policy"),
                    ("serve_policy", "Serve policy"),
                ],
            },
        ),
        migrations.RemoveConstraint(
            model_name="membership",
            name="membership_once",
        ),
        migrations.AddField(
            model_name="membership",
            name="environment",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.environment"
            ),
        ),
        migrations.AlterField(
            model_name="membership",
            name="role",
            field=models.CharField(
                choices=[
                    ("viewer", "Viewer"),
                    ("operator", "Operator"),
                    ("approver", "Approver"),
                    ("senior_approver", "Senior approver"),
                    ("policy_author", "Policy author"),
                    ("auditor", "Auditor"),
                    ("admin", "Admin"),
                    ("service", "Service"),
                    ("policy_server", "Policy server"),
                ],
                max_length=24,
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.UniqueConstraint(
                fields=("tenant", "user", "workspace", "environment", "role"),
                name="membership_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AlterUniqueTogether(
            name="environmentuserpermission",
            unique_together={("user", "permission", "content_object")},
        ),
        ProtectTenantTable("tenants_environmentuserpermission"),
        TenantForeignKey("tenants_environmentuserpermission", "content_object_id", "tenants_environment"),
        TenantForeignKey("tenants_membership", "environment_id", "tenants_environment"),
    ]
