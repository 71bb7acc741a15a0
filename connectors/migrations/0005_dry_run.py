from django.db import migrations, models


class Migration(migrations.Migration):
    """A call of a dry run may read; the database refuses one that writes."""

    dependencies = [("connectors", "0004_circuit")]

    operations = [
        migrations.AddField(model_name="toolcall", name="dry_run", field=models.BooleanField(default=False)),
        migrations.AddConstraint(
            model_name="toolcall",
            constraint=models.CheckConstraint(
                condition=models.Q(("dry_run", True), ("kind", "write"), _negated=True),
                name="call_of_dry_run_writes_nothing",
            ),
        ),
    ]
