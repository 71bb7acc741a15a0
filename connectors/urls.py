"""Doors for machines. They are found by an opaque token and opened by a signature."""

from django.urls import path

from connectors.slack.views import InteractivityView
from connectors.views import WebhookView

urlpatterns = [
    path("hooks/<str:token>", WebhookView.as_view(), name="webhook"),
    path("slack/<str:token>", InteractivityView.as_view(), name="slack_interactivity"),
]
