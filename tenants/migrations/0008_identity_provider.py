import django.db.models.deletion
from django.db import migrations, models

import controlplane.lib.ids
import tenants.scope
from tenants.rls import ProtectTenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0007_roles_of_environments"),
    ]

    operations = [
        migrations.CreateModel(
            name="IdentityProvider",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=controlplane.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("issuer", models.CharField(max_length=250)),
                ("client_id", models.CharField(max_length=200)),
                ("secret_ref", models.CharField(max_length=90)),
                ("step_up", models.BooleanField(default=False)),
                ("step_up_acr", models.CharField(blank=True, max_length=200)),
                (
                    "default_role",
                    models.CharField(
                        blank=True,
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
                ("enabled", models.BooleanField(default=True)),
                ("set_by", models.UUIDField()),
                ("set_at", models.DateTimeField()),
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
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("tenant",), name="one_identity_provider")],
            },
        ),
        ProtectTenantTable("tenants_identityprovider", app="SELECT, INSERT, UPDATE"),
    ]
