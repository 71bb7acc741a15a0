from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_step_up")]
    operations = [
        migrations.RunSQL(
            "GRANT DELETE ON tenants_datakey TO interlock_app", "REVOKE DELETE ON tenants_datakey FROM interlock_app"
        )
    ]
