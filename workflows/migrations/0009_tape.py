from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflows", "0008_step_rules")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="tape",
            field=models.JSONField(
                null=True, help_text="what its looks have learned so far; none when it is not recorded"
            ),
        ),
    ]
