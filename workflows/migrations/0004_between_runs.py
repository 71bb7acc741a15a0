from django.db import migrations, models

from tenants.rls import RoutingFunction


class Migration(migrations.Migration):
    dependencies = [("workflows", "0003_run_kinds")]

    operations = [
        migrations.AddIndex(
            model_name="step",
            index=models.Index(
                fields=["child_run_id"], condition=models.Q(waits_for="sub_run"), name="step_of_sub_run"
            ),
        ),
        # What a parent and a sub-run should have told each other: a step that waits for a sub-run that is done,
        # and a sub-run that waits for a parent that has ended (then `step` is empty).
        RoutingFunction(
            "lost_between_runs",
            args="most integer",
            returns="TABLE (tenant_id uuid, run_id uuid, step text)",
            body=(
                "SELECT s.tenant_id, s.run_id, s.key::text FROM workflows_step s"
                " JOIN workflows_run c ON c.id = s.child_run_id"
                " WHERE s.waits_for = 'sub_run' AND s.due_at IS NULL AND (c.state IN"
                " ('SUCCEEDED', 'FAILED', 'REJECTED', 'CANCELLED', 'ROLLED_BACK', 'ABANDONED')"
                " OR (c.state = 'WAITING' AND c.waits_for = 'parent' AND s.state <> 'COMPENSATING'))"
                " UNION ALL"
                " SELECT c.tenant_id, c.id, '' FROM workflows_run c JOIN workflows_run p ON p.id = c.parent_run_id"
                " WHERE c.parent_run_id IS NOT NULL AND c.state = 'WAITING' AND c.waits_for = 'parent' AND p.state IN"
                " ('SUCCEEDED', 'FAILED', 'REJECTED', 'CANCELLED', 'ROLLED_BACK', 'ABANDONED')"
                " LIMIT most"
            ),
            reads={
                "workflows_run": ["id", "tenant_id", "state", "waits_for", "parent_run_id"],
                "workflows_step": ["tenant_id", "run_id", "key", "state", "waits_for", "due_at", "child_run_id"],
            },
        ),
    ]
