from django.db import migrations

from tenants.rls import GrantTable, ProtectTenantTable, TenantForeignKey

IN_A_WORKSPACE = ("metering_usagerow", "metering_humantime", "metering_dailyrollup", "metering_ticketcost")


class Migration(migrations.Migration):
    dependencies = [("metering", "0001_initial"), ("tenants", "0002_protect")]

    operations = [
        GrantTable("metering_modelprice", role="app", privileges="SELECT"),
        GrantTable("metering_modelprice", role="reader", privileges="SELECT"),
        ProtectTenantTable("metering_tenantprice", app="SELECT, INSERT, UPDATE"),
        ProtectTenantTable("metering_budget", app="SELECT, INSERT, UPDATE"),
        ProtectTenantTable("metering_reservation", app="SELECT, INSERT, DELETE"),
        ProtectTenantTable("metering_usagerow", app="SELECT, INSERT"),
        ProtectTenantTable("metering_humantime", app="SELECT, INSERT"),
        ProtectTenantTable("metering_dailyrollup", app="SELECT, INSERT, UPDATE"),
        ProtectTenantTable("metering_ticketcost", app="SELECT, INSERT, UPDATE"),
        ProtectTenantTable("metering_ratebucket", app="SELECT, INSERT, UPDATE"),
        TenantForeignKey("metering_reservation", "budget_id", "metering_budget"),
        *(TenantForeignKey(table, "workspace_id", "tenants_workspace") for table in IN_A_WORKSPACE),
    ]
