from django.db import migrations

from tenants.rls import GrantTable


class Migration(migrations.Migration):
    dependencies = [("console", "0001_initial"), ("tenants", "0002_protect")]

    operations = [GrantTable("console_loginwindow", role="app", privileges="SELECT, INSERT, UPDATE, DELETE")]
