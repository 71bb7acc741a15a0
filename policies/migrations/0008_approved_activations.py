from django.db import migrations

# Whoever holds the application's role still cannot change a policy alone: what follows another policy names a draft
# that somebody else approved, or brings back exactly the bundle before.
APPROVED_OR_BACK = migrations.RunSQL(
    [
        """
        CREATE FUNCTION public.policies_activation_approved() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.seq = 1 OR EXISTS (
                SELECT 1 FROM policies_draft d
                JOIN policies_draftvote v ON v.draft_id = d.id AND v.proposal = d.proposal AND v.digest = d.digest
                WHERE d.id = NEW.draft_id AND d.environment_id = NEW.environment_id AND d.state = 'APPROVED'
                  AND v.approve AND v.actor_id <> d.author_id AND NOT d.editor_ids ? v.actor_id::text
            ) OR EXISTS (
                SELECT 1 FROM policies_activation a
                WHERE a.id = NEW.restores_id AND NEW.draft_id IS NULL AND a.environment_id = NEW.environment_id
                  AND a.bundle_id = NEW.bundle_id AND a.seq = NEW.seq - 2
            ) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'nobody changes a policy alone' USING ERRCODE = 'check_violation';
        END $$
        """,
        "CREATE TRIGGER approved_or_back AFTER INSERT ON policies_activation"
        " FOR EACH ROW EXECUTE FUNCTION public.policies_activation_approved()",
    ],
    [
        "DROP TRIGGER approved_or_back ON policies_activation",
        "DROP FUNCTION public.policies_activation_approved()",
    ],
)


class Migration(migrations.Migration):
    dependencies = [("policies", "0007_drafts")]

    operations = [APPROVED_OR_BACK]
