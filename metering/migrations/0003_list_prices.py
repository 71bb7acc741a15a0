"""The list prices of the installed genai-prices. Later versions: `manage.py seed_prices`."""

from django.db import migrations

from metering import prices


def seed(apps, _):
    prices.seed(apps.get_model("metering", "ModelPrice"))


class Migration(migrations.Migration):
    dependencies = [("metering", "0002_protect")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
