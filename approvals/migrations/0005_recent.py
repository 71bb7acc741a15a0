from django.db import migrations, models

from approvals.types import State


class Migration(migrations.Migration):
    dependencies = [("approvals", "0004_quorum_and_delegation")]

    operations = [
        migrations.AddIndex(
            model_name="approvalrequest",
            index=models.Index(fields=["tenant", "opened_at"], name="approval_opened"),
        ),
        migrations.AddIndex(
            model_name="approvalrequest",
            index=models.Index(
                condition=models.Q(("state", State.PENDING), _negated=True),
                fields=["tenant", "decided_at"],
                name="approval_decided",
            ),
        ),
    ]
