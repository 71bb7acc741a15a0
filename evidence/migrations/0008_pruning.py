import django.db.models.deletion
from django.db import migrations, models

import controlplane.lib.ids
import tenants.scope
from evidence.pruned import FUNCTION
from tenants.rls import AppendOnly, GrantTable, ProtectTenantTable, PrunedOnly

MINE = "tenant_id = NULLIF(current_setting('interlock.tenant', true), '')::uuid"
READ = ("leaf", "checkpoint", "legalhold", "retention", "pruning")


def for_the_pruner():
    """It sees what it must compare, and may delete events; nothing else."""
    yield migrations.RunSQL(
        [
            "GRANT SELECT, DELETE ON evidence_event TO interlock_pruner",
            f"CREATE POLICY pruner_prunes ON evidence_event TO interlock_pruner USING ({MINE})",
        ],
        ["DROP POLICY pruner_prunes ON evidence_event", "REVOKE ALL ON evidence_event FROM interlock_pruner"],
    )
    for table in (f"evidence_{name}" for name in READ):
        yield migrations.RunSQL(
            [
                f"GRANT SELECT ON {table} TO interlock_pruner",
                f"CREATE POLICY pruner_reads ON {table} FOR SELECT TO interlock_pruner USING ({MINE})",
            ],
            [f"DROP POLICY pruner_reads ON {table}", f"REVOKE ALL ON {table} FROM interlock_pruner"],
        )
    yield migrations.RunSQL(
        [
            "SET LOCAL ROLE interlock_pruner",
            FUNCTION,
            "REVOKE ALL ON FUNCTION pruning.prune(uuid) FROM PUBLIC",
            "GRANT EXECUTE ON FUNCTION pruning.prune(uuid) TO interlock_app",
            "RESET ROLE",
        ],
        ["SET LOCAL ROLE interlock_pruner", "DROP FUNCTION pruning.prune(uuid)", "RESET ROLE"],
    )


class Migration(migrations.Migration):
    dependencies = [
        ("evidence", "0007_export_jobs"),
        ("tenants", "0005_step_up"),
    ]

    operations = [
        migrations.AddField("runhead", "pruned", models.BooleanField(default=False)),
        migrations.CreateModel(
            name="Pruning",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=controlplane.lib.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("log_id", models.UUIDField()),
                ("envelope", models.TextField()),
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
                "indexes": [models.Index(fields=["log_id", "id"], name="pruning_by_log")],
            },
        ),
        ProtectTenantTable("evidence_pruning", app="SELECT, INSERT"),
        GrantTable("evidence_pruning", role="sequencer", privileges="SELECT", across_tenants=True),
        AppendOnly("evidence_pruning"),
        *for_the_pruner(),
        PrunedOnly("evidence_event"),
    ]
