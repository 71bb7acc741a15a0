"""How lines of Socket Mode stand."""

from django.db import models

from tenants.models import TenantModel, within_tenant


class SlackLine(TenantModel):
    """One process's line for one endpoint, as that process last said. `since`: since when it is connected or not."""

    endpoint = models.ForeignKey("connectors.WebhookEndpoint", on_delete=models.PROTECT, related_name="lines")
    listener = models.CharField(max_length=80, help_text="host and process")
    connected = models.BooleanField()
    since = models.DateTimeField()
    last_envelope_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    last_error_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "endpoint", "listener"], name="slackline_once"),
            within_tenant("slackline"),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} by {self.listener}"
