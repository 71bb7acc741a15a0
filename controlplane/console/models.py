from django.db import models


class LoginWindow(models.Model):
    """How often somebody tried to sign in, per digest of a name or an address, in the running window."""

    key = models.CharField(max_length=64, primary_key=True)
    attempts = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_index=True)
