from django.db import migrations

from tenants.rls import ProtectTenantTable


class Migration(migrations.Migration):
    dependencies = [("controlplane", "0001_initial"), ("tenants", "0002_protect")]

    operations = [ProtectTenantTable("controlplane_idempotencykey")]
