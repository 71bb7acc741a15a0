import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("connectors", "0013_people_who_are_asked"),
    ]

    operations = [
        migrations.AlterField(
            model_name="notificationpreference",
            name="digest_hour",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="local hour of the daily digest; empty: none",
                null=True,
                validators=[django.core.validators.MaxValueValidator(23)],
            ),
        ),
    ]
