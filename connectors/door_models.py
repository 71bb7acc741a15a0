"""Rows of what comes in from outside, and of the cards that invite it."""

from django.db import models

from tenants.models import Environment, TenantModel, User, Workspace, within_tenant


class WebhookEndpoint(TenantModel):
    """Where a sender may post. Its path holds an opaque token, of which only the digest is kept."""

    class Scheme(models.TextChoices):
        STANDARD = "standard", "Standard Webhooks"
        SLACK = "slack", "Slack interactivity"
        SLACK_SOCKET = "slack-socket", "Slack Socket Mode"

    name = models.SlugField(max_length=48)
    scheme = models.CharField(max_length=16, choices=Scheme.choices, default=Scheme.STANDARD)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    instance = models.ForeignKey("connectors.ConnectorInstance", on_delete=models.PROTECT, related_name="endpoints")
    service = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    event = models.CharField(max_length=80, blank=True, help_text="what a delivery means, e.g. incident.created")
    token_digest = models.BinaryField(max_length=32, unique=True)
    secret_ref = models.CharField(max_length=96)
    next_secret_ref = models.CharField(max_length=96, blank=True)
    enabled = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="endpoint_name_once"),
            within_tenant("endpoint"),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookDelivery(TenantModel):
    """A verified delivery, kept once per sender's id."""

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries")
    webhook_id = models.CharField(max_length=256)
    body_sha256 = models.CharField(max_length=64)
    body_digest = models.CharField(max_length=64, help_text="payload: the exact bytes")
    headers = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "webhook_id"], name="delivery_once"),
            within_tenant("delivery"),
        ]


class SlackIdentity(TenantModel):
    """A verified link: this Slack user is that platform user. Membership of a channel proves nothing."""

    team_id = models.CharField(max_length=32)
    slack_user_id = models.CharField(max_length=32)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    linked_by = models.UUIDField()

    class Meta(TenantModel.Meta):
        verbose_name_plural = "slack identities"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "team_id", "slack_user_id"], name="slack_user_once"),
            within_tenant("slackidentity"),
        ]


class SlackDelivery(TenantModel):
    """What names an interaction of Slack that was handled; the same one again is answered, not repeated."""

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)

    class Meta(TenantModel.Meta):
        verbose_name_plural = "slack deliveries"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "digest"], name="slack_delivery_once"),
            within_tenant("slackdelivery"),
        ]


class ApprovalCard(TenantModel):
    """Where an approval request is shown in a chat: posted and updated by governed calls."""

    request_id = models.UUIDField()
    instance = models.ForeignKey("connectors.ConnectorInstance", on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(max_length=64)
    post_call = models.ForeignKey("connectors.ToolCall", on_delete=models.PROTECT, related_name="+")
    message_ts = models.CharField(max_length=32, blank=True)
    shown_state = models.CharField(max_length=16, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["request_id", "instance"], name="card_once"),
            within_tenant("card"),
        ]
