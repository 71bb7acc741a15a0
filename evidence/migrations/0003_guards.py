from django.db import migrations, models

INSERTED = {
    "evidence_event": "id, created_at, tenant_id, log_id, run_id, run_seq, type, body, event_hash, mac",
    "evidence_pending": "created_at, tenant_id, event_id, log_id",  # never the id: it says whose turn it is
}


def column_grants():
    for table, columns in INSERTED.items():
        for role in ("interlock_app", "interlock_sequencer"):
            yield migrations.RunSQL(
                [f"REVOKE INSERT ON {table} FROM {role}", f"GRANT INSERT ({columns}) ON {table} TO {role}"],
                [f"REVOKE INSERT ({columns}) ON {table} FROM {role}", f"GRANT INSERT ON {table} TO {role}"],
            )


class Migration(migrations.Migration):
    dependencies = [("evidence", "0002_protect")]

    operations = [
        migrations.AddField("loghead", "guard", models.CharField(max_length=64, blank=True, default="")),
        migrations.AddField("loghead", "guard_faults", models.TextField(blank=True, default="")),
        migrations.AddField("loghead", "attested_total", models.BigIntegerField(default=0)),
        *column_grants(),
    ]
