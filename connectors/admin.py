"""Instances and endpoints are edited through their verbs; calls and deliveries are looked at only."""

from typing import Any

from django.db import models

from connectors import services
from connectors.models import (
    Circuit,
    ConnectorInstance,
    ReconcileTask,
    SlackIdentity,
    ToolCall,
    WebhookDelivery,
    WebhookEndpoint,
)
from tenants.actors import Actor
from tenants.admin_base import ReadOnlyAdmin, VerbAdmin, site
from tenants.roles import Perm


class InstanceAdmin(VerbAdmin):
    perm = Perm.MANAGE_CONNECTORS
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    list_display = ("name", "driver", "manifest_version", "base_url", "enabled")
    fields = (
        "name",
        "driver",
        "manifest_version",
        "base_url",
        "config",
        "credentials",
        "classes",
        "max_in_flight",
        "allow_loopback",
        "enabled",
    )

    def create(self, *, cleaned: dict[str, Any], actor: Actor) -> object:
        return services.save_instance(**cleaned, actor=actor)

    def change(self, *, row: ConnectorInstance, cleaned: dict[str, Any], actor: Actor) -> object:
        return services.save_instance(**{**cleaned, "name": row.name}, actor=actor)


class CircuitAdmin(ReadOnlyAdmin):
    perm = Perm.MANAGE_CONNECTORS
    list_display = ("instance", "state", "failures", "code", "opened_at", "next_try_at")


class EndpointAdmin(VerbAdmin):
    perm = Perm.MANAGE_CONNECTORS
    list_display = ("name", "scheme", "instance", "event", "enabled")
    fields = readonly_fields = ("name", "scheme", "environment", "instance", "service", "event", "enabled")
    verbs = {"Switch on": "switch_on", "Switch off": "switch_off"}

    def switch_on(self, *, row: WebhookEndpoint, actor: Actor) -> None:
        services.switch_endpoint(endpoint_id=row.pk, enabled=True, actor=actor)

    def switch_off(self, *, row: WebhookEndpoint, actor: Actor) -> None:
        services.switch_endpoint(endpoint_id=row.pk, enabled=False, actor=actor)


class SlackIdentityAdmin(VerbAdmin):
    perm = Perm.ADMIN
    list_display = ("team_id", "slack_user_id", "user")
    fields = ("team_id", "slack_user_id", "user")
    raw_id_fields = ("user",)
    verbs = {"Unlink": "unlink"}

    def create(self, *, cleaned: dict[str, Any], actor: Actor) -> object:
        chosen = {"team_id": cleaned["team_id"], "slack_user_id": cleaned["slack_user_id"]}
        return services.link_slack_user(**chosen, user_id=cleaned["user"].pk, actor=actor)

    def unlink(self, *, row: SlackIdentity, actor: Actor) -> None:
        services.unlink_slack_user(identity_id=row.pk, actor=actor)


class CallAdmin(ReadOnlyAdmin):
    perm = Perm.MANAGE_CONNECTORS
    list_display = ("id", "tool", "state", "code", "lane", "ticket", "attempts", "created_at")
    list_filter = ("state", "lane", "tool")
    date_hierarchy = "created_at"


class ReconcileAdmin(ReadOnlyAdmin):
    perm = Perm.MANAGE_CONNECTORS
    list_display = ("call", "attempt", "state", "answer", "answered_label", "created_at")
    list_filter = ("state",)


class DeliveryAdmin(ReadOnlyAdmin):
    perm = Perm.MANAGE_CONNECTORS
    list_display = ("webhook_id", "endpoint", "body_sha256", "created_at")


site.register(ConnectorInstance, InstanceAdmin)
site.register(Circuit, CircuitAdmin)
site.register(WebhookEndpoint, EndpointAdmin)
site.register(SlackIdentity, SlackIdentityAdmin)
site.register(ToolCall, CallAdmin)
site.register(ReconcileTask, ReconcileAdmin)
site.register(WebhookDelivery, DeliveryAdmin)
