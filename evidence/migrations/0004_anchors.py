import django.db.models.deletion
from django.db import migrations, models

import controlplane.lib.ids
import tenants.scope
from tenants.rls import AppendOnly, GrantTable, ProtectTenantTable

TABLES = {
    "evidence_anchor": ("SELECT", "SELECT, INSERT", True),
    "evidence_cosignature": ("SELECT", "SELECT, INSERT", True),
    "evidence_outlet": ("SELECT", "SELECT, INSERT, UPDATE", False),
}


def protections():
    for table, (app, sequencer, append_only) in TABLES.items():
        yield ProtectTenantTable(table, app=app)
        yield GrantTable(table, role="sequencer", privileges=sequencer, across_tenants=True)
        if append_only:
            yield AppendOnly(table)


class Migration(migrations.Migration):
    dependencies = [
        ("evidence", "0003_guards"),
        ("tenants", "0005_step_up"),
    ]

    operations = [
        migrations.CreateModel(
            name="Anchor",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=controlplane.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("log_id", models.UUIDField()),
                ("size", models.BigIntegerField()),
                ("index", models.BigIntegerField()),
                ("tree_size", models.BigIntegerField()),
                ("root", models.BinaryField()),
                ("path", models.BinaryField(default=bytes)),
                ("tokens", models.JSONField(default=list)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        default=tenants.scope.current,
                        editable=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "indexes": [models.Index(fields=["log_id", "size"], name="anchor_by_head")],
            },
        ),
        migrations.CreateModel(
            name="Cosignature",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=controlplane.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("log_id", models.UUIDField()),
                ("size", models.BigIntegerField()),
                ("name", models.CharField(max_length=255)),
                ("line", models.TextField()),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        default=tenants.scope.current,
                        editable=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
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
                    models.UniqueConstraint(fields=("log_id", "size", "name"), name="one_line_per_witness")
                ],
            },
        ),
        migrations.CreateModel(
            name="Outlet",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=controlplane.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("place", models.CharField(max_length=100)),
                ("log_id", models.UUIDField()),
                ("size", models.BigIntegerField(default=0)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        default=tenants.scope.current,
                        editable=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("place", "log_id"), name="one_outlet_per_log")],
            },
        ),
        *protections(),
    ]
