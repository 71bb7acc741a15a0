"""Rows about people who are asked: how they link a Slack user, how they want to hear, and whose turn it is."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from tenants.models import TenantModel, User, Workspace, within_tenant


class SlackLinking(TenantModel):
    """An attempt of a signed-in person to link a Slack user: the code was sent to that user, its digest is kept."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    team_id = models.CharField(max_length=32)
    slack_user_id = models.CharField(max_length=32)
    code_digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [within_tenant("slacklinking")]
        indexes = [models.Index(fields=["tenant", "user", "-id"], name="slacklinking_of_person")]


class NotificationPreference(TenantModel):
    """How one person wants to hear of what waits for them. No row: only when it is their turn, and no digest."""

    class Direct(models.TextChoices):
        ALWAYS = "always", "Whenever I can decide something"
        ON_CALL = "on_call", "When it is my turn in a rota"
        NEVER = "never", "Never"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    direct = models.CharField(max_length=8, choices=Direct.choices, default=Direct.ON_CALL)
    digest_hour = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(23)],
        help_text="local hour of the daily digest; empty: none",
    )
    weekdays_only = models.BooleanField(default=True)
    timezone = models.CharField(max_length=64, default="UTC")
    digest_due_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="preference_once"),
            within_tenant("preference"),
            models.CheckConstraint(
                condition=Q(digest_hour=None) | Q(digest_hour__lte=23), name="preference_hour_of_a_day"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "digest_due_at"], name="preference_digest_due")]


class Rota(TenantModel):
    """Who is asked now, in turns of equal length. `members`: user ids in their order."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    name = models.SlugField(max_length=48)
    members = models.JSONField(default=list)
    starts_at = models.DateTimeField()
    turn_hours = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(672)])
    enabled = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "workspace", "name"], name="rota_name_once"),
            within_tenant("rota"),
            models.CheckConstraint(condition=Q(turn_hours__gte=1), name="rota_turns_last"),
        ]

    def __str__(self) -> str:
        return self.name
