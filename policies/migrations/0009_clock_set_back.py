from django.db import migrations

from tenants.rls import RoutingFunction

# A statement that was issued in the future comes of a clock that has been set back: it is issued anew at once.
FORGET = migrations.RunSQL(
    ["SET LOCAL ROLE interlock_router", "DROP FUNCTION routing.policies_due(timestamptz, int)", "RESET ROLE"],
    migrations.RunSQL.noop,
)


class Migration(migrations.Migration):
    dependencies = [("policies", "0008_approved_activations")]

    operations = [
        FORGET,
        RoutingFunction(
            "policies_due",
            args="at timestamptz, most int",
            returns="TABLE (tenant_id uuid, environment_id uuid)",
            body=(
                "SELECT s.tenant_id, s.environment_id FROM policies_standing s"
                " WHERE s.refresh_at <= at OR s.issued_at > at + interval '2 seconds' ORDER BY s.refresh_at LIMIT most"
            ),
            reads={"policies_standing": ["tenant_id", "environment_id", "refresh_at", "issued_at"]},
        ),
    ]
