"""A click is handled once: what marks it stands in the transaction of what it does.

A process that dies on the way leaves no mark, so Slack's next delivery of the same click is handled; of several at
once one gets its mark in, and what the others were about to do is rolled back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from django.db import transaction

from connectors.models import SlackDelivery, WebhookEndpoint


class HandledBefore(RuntimeError):
    """Somebody else's transaction has done what this click asks for."""


@dataclass(frozen=True)
class Interaction:
    """One proven request of Slack: its endpoint, and the keys by which the same one is known when it comes again."""

    endpoint: WebhookEndpoint
    keys: Sequence[str]
    signing_secret: str

    @property
    def delivery_id(self) -> UUID:
        """Stands in for a run. The same click has the same, however often and in whatever wrapping it comes."""
        return uuid5(self.endpoint.instance_id, self.keys[-1])

    @property
    def app_id(self) -> str:
        return str(self.endpoint.instance.config.get("app_id", ""))

    @property
    def team_id(self) -> str:
        return str(self.endpoint.instance.config.get("team_id", ""))


@transaction.atomic
def is_handled(interaction: Interaction) -> bool:
    """By any of its keys, and by whichever door of the same app."""
    instance_id = interaction.endpoint.instance_id
    return SlackDelivery.objects.filter(endpoint__instance=instance_id, digest__in=interaction.keys).exists()


def mark(interaction: Interaction) -> None:
    """In the transaction of what the click does; raises HandledBefore. The unique constraint decides between two."""
    drafts = [SlackDelivery(endpoint=interaction.endpoint, digest=key) for key in sorted(interaction.keys)]
    SlackDelivery.objects.bulk_create(drafts, ignore_conflicts=True)
    if SlackDelivery.objects.filter(pk__in=[draft.pk for draft in drafts]).count() < len(drafts):
        raise HandledBefore


@transaction.atomic(durable=True)
def note(interaction: Interaction) -> None:
    """The same for a click that changes nothing: it was refused, or asks for a dialogue. Raises HandledBefore."""
    mark(interaction)
