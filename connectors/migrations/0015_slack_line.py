import django.db.models.deletion
from django.db import migrations, models

import controlplane.lib.ids
import tenants.scope
from tenants.rls import ProtectTenantTable, TenantForeignKey


class Migration(migrations.Migration):
    dependencies = [("connectors", "0014_digest_hour")]

    operations = [
        migrations.CreateModel(
            name="SlackLine",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=controlplane.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("listener", models.CharField(help_text="host and process", max_length=80)),
                ("connected", models.BooleanField()),
                ("since", models.DateTimeField()),
                ("last_envelope_at", models.DateTimeField(null=True)),
                ("last_error", models.CharField(blank=True, max_length=300)),
                ("last_error_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField()),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="connectors.webhookendpoint",
                    ),
                ),
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
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "endpoint", "listener"), name="slackline_once"),
                    models.UniqueConstraint(fields=("tenant", "id"), name="slackline_within_tenant"),
                ],
            },
        ),
        ProtectTenantTable("connectors_slackline", app="SELECT, INSERT, UPDATE, DELETE"),
        TenantForeignKey("connectors_slackline", "endpoint_id", "connectors_webhookendpoint"),
    ]
