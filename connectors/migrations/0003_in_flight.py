from django.db import migrations

from tenants.rls import RoutingFunction


class Migration(migrations.Migration):
    dependencies = [("connectors", "0002_protect")]

    operations = [
        RoutingFunction(
            "calls_in_flight",
            args="since timestamptz, undoing boolean",
            returns="integer",
            body=(
                "SELECT count(*)::integer FROM connectors_toolcall c WHERE c.state = 'DISPATCHED'"
                " AND c.dispatched_at >= since AND NOT (undoing AND c.lane = 'compensation')"
            ),
            reads={"connectors_toolcall": ["state", "dispatched_at", "lane"]},
        ),
    ]
