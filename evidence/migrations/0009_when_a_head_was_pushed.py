from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("evidence", "0008_pruning")]

    operations = [
        migrations.AddField(model_name="outlet", name="pushed_at", field=models.DateTimeField(null=True)),
    ]
