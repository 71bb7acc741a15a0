from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0005_recent")]

    operations = [
        migrations.AddField(
            model_name="approvalrequest",
            name="environment_id",
            field=models.UUIDField(null=True, help_text="Where it is to be done; a role there counts as well"),
        ),
    ]
