"""How I hear of what waits for me: my Slack users, my wishes, and whose turn it is."""

from datetime import UTC
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from connectors import preferences, rotas
from connectors.slack import linking, private, proposing
from controlplane.console.checked import Checked
from controlplane.console.pages import Page
from tenants import access
from tenants.roles import Perm


class LinkForm(Checked):
    member = forms.CharField(
        label="Your member ID in Slack", max_length=24, help_text="In Slack: your profile, “Copy member ID”"
    )
    team = forms.ChoiceField(label="Slack workspace")

    def __init__(self, *args: Any, teams: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"] = forms.ChoiceField(label="Slack workspace", choices=[(team, team) for team in teams])


class CodeForm(Checked):
    code = forms.CharField(label="The code that Slack shows you", max_length=16)


class WishForm(Checked):
    direct = forms.ChoiceField(label="Tell me in Slack", choices=preferences.Direct.choices)
    digest_hour = forms.IntegerField(
        label="Daily digest at hour (empty: none)", required=False, min_value=0, max_value=23
    )
    weekdays_only = forms.BooleanField(label="Not on Saturdays and Sundays", required=False)
    timezone = forms.CharField(label="Time zone", max_length=64)


class RotaForm(Checked):
    workspace = forms.ChoiceField(label="Workspace")
    name = forms.SlugField(label="Name", max_length=48)
    members = forms.CharField(
        label="Whose turns, in their order", max_length=4000, help_text="User names, with commas between them"
    )
    starts_at = forms.DateTimeField(label="First turn begins (UTC)", help_text="For example 2026-11-23 08:00")
    turn_hours = forms.IntegerField(label="Hours of a turn", min_value=1, max_value=rotas.LONGEST_TURN_H, initial=168)
    enabled = forms.BooleanField(label="In use", required=False, initial=True)

    def __init__(self, *args: Any, workspaces: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(place.pk), place.slug) for place in workspaces]
        self.fields["workspace"] = forms.ChoiceField(label="Workspace", choices=choices)


class Notifications(Page):
    template_name = "console/notifications.html"
    here = "notifications"

    def context(self) -> dict[str, Any]:
        own = preferences.own(self.actor)
        wishes = {name: getattr(own, name) for name in ("direct", "digest_hour", "weekdays_only", "timezone")}
        return {
            "linked": linking.own(self.actor),
            "attempt": linking.open_attempt(self.actor),
            "teams": self._teams(),
            "link_form": LinkForm(teams=self._teams(), auto_id="link_%s"),
            "code_form": CodeForm(auto_id="code_%s"),
            "wish_form": WishForm(initial=wishes, auto_id="wish_%s"),
            "on_call": rotas.now_on_call(self.actor),
            "rota_form": RotaForm(workspaces=access.workspaces(self.actor), auto_id="rota_%s"),
            "may_rule": self.may(Perm.ADMIN),
            "next_digest": own.digest_due_at,
        }

    @staticmethod
    def _teams() -> list[str]:
        return [private.team_of(door.instance) for door in linking.teams()]

    def act(self, request: HttpRequest) -> HttpResponseBase:
        """One's wishes."""
        preferences.save(**WishForm(request.POST).checked(), actor=self.actor)
        messages.success(request, "Saved.")
        return self.to("notifications")


class _Step(Notifications):
    """Only ever posted to."""

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.to("notifications")


class SlackLink(_Step):
    """The first step: a code goes to that Slack user."""

    def act(self, request: HttpRequest) -> HttpResponseBase:
        with transaction.atomic():
            teams = self._teams()
        chosen = LinkForm(request.POST, teams=teams).checked()
        linking.begin(team_id=chosen["team"], slack_user_id=chosen["member"], actor=self.actor)
        messages.success(request, "A code was sent to that Slack user.")
        return self.to("notifications")


class SlackPropose(_Step):
    """Before the first step: who has my e-mail address in Slack? The form is filled in, nothing is sent there yet."""

    def act(self, request: HttpRequest) -> HttpResponseBase:
        found = proposing.by_email(team_id=request.POST.get("team", ""), actor=self.actor)
        with transaction.atomic():
            context = self.context()
        given = {"member": found.slack_user_id, "team": found.team_id}
        form = LinkForm(teams=context["teams"], auto_id="link_%s", initial=given)
        return self.also(self.template_name, {**context, "proposal": found, "link_form": form})


class SlackCode(_Step):
    """The second: it comes back by this session."""

    def act(self, request: HttpRequest) -> HttpResponseBase:
        with transaction.atomic():
            begun = linking.attempt(self.row_id, self.actor)
        code = CodeForm(request.POST).checked()["code"]
        linking.confirm(attempt_id=begun.pk, code=code, actor=self.actor)
        messages.success(request, "Linked. Your clicks in Slack count as yours from now on.")
        return self.to("notifications")


class SlackUnlink(_Step):
    def act(self, request: HttpRequest) -> HttpResponseBase:
        linking.unlink_own(identity_id=self.row_id, actor=self.actor)
        messages.success(request, "Unlinked. Clicks of that Slack user decide nothing now.")
        return self.to("notifications")


class RotaSet(_Step):
    def act(self, request: HttpRequest) -> HttpResponseBase:
        rotas.save(**self._terms(request), actor=self.actor)
        messages.success(request, "The rota is saved.")
        return self.to("notifications")

    @transaction.atomic
    def _terms(self, request: HttpRequest) -> dict[str, Any]:
        chosen = RotaForm(request.POST, workspaces=access.workspaces(self.actor)).checked()
        workspace_id = UUID(chosen.pop("workspace"))
        names = [name.strip() for name in chosen.pop("members").split(",") if name.strip()]
        starts_at = chosen.pop("starts_at").replace(tzinfo=UTC)
        members = rotas.members_named(workspace_id, names)
        return {**chosen, "workspace_id": workspace_id, "members": members, "starts_at": starts_at}
