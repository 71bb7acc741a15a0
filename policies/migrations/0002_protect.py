from django.db import migrations

from tenants.rls import AppendOnly, ProtectTenantTable, RoutingFunction, TenantForeignKey

WRITTEN_ONCE = (
    "policies_policypack",
    "policies_policyversion",
    "policies_bundle",
    "policies_activation",
    "policies_decisionrecord",
)

FOREIGN_KEYS = (
    ("policies_policyversion", "pack_id", "policies_policypack"),
    ("policies_activation", "environment_id", "tenants_environment"),
    ("policies_activation", "bundle_id", "policies_bundle"),
    ("policies_standing", "environment_id", "tenants_environment"),
    ("policies_standing", "activation_id", "policies_activation"),
)

# Whoever holds the application's role still cannot bring an old policy back under its old number.
SEQ_NEVER_GOES_DOWN = migrations.RunSQL(
    [
        """
        CREATE FUNCTION public.policies_standing_forward() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.seq < OLD.seq OR NEW.environment_id <> OLD.environment_id THEN
                RAISE EXCEPTION 'the sequence number of a policy never goes down' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END $$
        """,
        "CREATE TRIGGER seq_never_goes_down BEFORE UPDATE ON policies_standing"
        " FOR EACH ROW EXECUTE FUNCTION public.policies_standing_forward()",
        "ALTER TABLE policies_standing ENABLE ALWAYS TRIGGER seq_never_goes_down",
    ],
    [
        "DROP TRIGGER seq_never_goes_down ON policies_standing",
        "DROP FUNCTION public.policies_standing_forward()",
    ],
)


class Migration(migrations.Migration):
    dependencies = [("policies", "0001_initial"), ("tenants", "0002_protect")]

    operations = [
        *(ProtectTenantTable(table, app="SELECT, INSERT") for table in WRITTEN_ONCE),
        *(AppendOnly(table) for table in WRITTEN_ONCE),
        ProtectTenantTable("policies_standing", app="SELECT, INSERT, UPDATE"),
        SEQ_NEVER_GOES_DOWN,
        *(TenantForeignKey(*key) for key in FOREIGN_KEYS),
        RoutingFunction(
            "policies_due",
            args="at timestamptz, most int",
            returns="TABLE (tenant_id uuid, environment_id uuid)",
            body=(
                "SELECT s.tenant_id, s.environment_id FROM policies_standing s"
                " WHERE s.refresh_at <= at ORDER BY s.refresh_at LIMIT most"
            ),
            reads={"policies_standing": ["tenant_id", "environment_id", "refresh_at"]},
        ),
    ]
