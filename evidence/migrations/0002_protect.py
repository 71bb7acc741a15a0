from django.db import migrations

from tenants.rls import AppendOnly, GrantTable, ProtectTenantTable

# table: (what the app may do, what the sequencer may do, is it append-only)
TABLES = {
    "evidence_event": ("SELECT, INSERT", "SELECT, INSERT", True),
    "evidence_leaf": ("SELECT", "SELECT, INSERT", True),
    "evidence_node": ("SELECT", "SELECT, INSERT", True),
    "evidence_checkpoint": ("SELECT", "SELECT, INSERT", True),
    "evidence_quarantine": ("SELECT", "SELECT, INSERT", True),
    "evidence_keyringversion": ("SELECT, INSERT", "SELECT, INSERT", True),
    "evidence_pending": ("SELECT, INSERT", "SELECT, INSERT, DELETE", False),
    "evidence_loghead": ("SELECT", "SELECT, INSERT, UPDATE", False),
    "evidence_runhead": ("SELECT, INSERT, UPDATE", "", False),
    "evidence_shredkey": ("SELECT, INSERT, DELETE", "", False),
    "evidence_content": ("SELECT, INSERT, DELETE", "", False),
}

EVENT_RULES = migrations.RunSQL(
    [
        "ALTER TABLE evidence_event ADD CONSTRAINT event_fits CHECK (octet_length(body) <= 16384)",
        "ALTER TABLE evidence_event ADD CONSTRAINT event_hash_is_of_its_body"
        r" CHECK (event_hash = sha256('\x6576622e6576656e742e763100'::bytea || body))",
        "ALTER TABLE evidence_leaf ADD CONSTRAINT leaf_hash_is_of_its_leaf"
        r" CHECK (leaf_hash = sha256('\x00'::bytea || leaf))",
    ],
    [
        "ALTER TABLE evidence_leaf DROP CONSTRAINT leaf_hash_is_of_its_leaf",
        "ALTER TABLE evidence_event DROP CONSTRAINT event_hash_is_of_its_body",
        "ALTER TABLE evidence_event DROP CONSTRAINT event_fits",
    ],
)


def protections():
    for table, (app, sequencer, append_only) in TABLES.items():
        yield ProtectTenantTable(table, app=app)
        if sequencer:
            yield GrantTable(table, role="sequencer", privileges=sequencer, across_tenants=True)
        if append_only:
            yield AppendOnly(table)


class Migration(migrations.Migration):
    dependencies = [("evidence", "0001_initial")]
    operations = [*protections(), EVENT_RULES]
