from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0006_environment")]

    operations = [
        migrations.AddIndex(
            model_name="vote",
            index=models.Index(
                condition=models.Q(("right_of_id__isnull", False)),
                fields=["tenant", "right_of_id", "request"],
                name="vote_in_place",
            ),
        ),
    ]
