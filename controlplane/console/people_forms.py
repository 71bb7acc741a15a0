"""What an administrator fills in about people, machines and where everybody signs in."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms

from controlplane.console.checked import Checked
from tenants import machines, sso
from tenants.models import Environment, User, Workspace
from tenants.people import Effective, Person
from tenants.roles import IN_ENVIRONMENT, Role

MACHINES = (User.Kind.SERVICE, User.Kind.AGENT)
LONGEST_DAYS = 366
Choices = list[tuple[str, str]]


class RoleForm(Checked):
    """`where` is a workspace, or an environment of it as `workspace/environment`."""

    role = forms.ChoiceField(label="Role")
    where = forms.ChoiceField(
        label="Where", help_text=f"In one environment: {', '.join(sorted(role.label for role in IN_ENVIRONMENT))}"
    )

    def __init__(self, *args: Any, person: Person, places: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = machines.ROLES if person.kind in MACHINES else frozenset(Role) - {Role.SERVICE, Role.POLICY_SERVER}
        self.fields["role"].choices = [(role.value, role.label) for role in Role if role in roles]  # type: ignore[attr-defined]
        self.fields["where"].choices = places  # type: ignore[attr-defined]

    def terms(self) -> dict[str, Any]:
        """As the verb takes them; raises Invalid."""
        chosen = self.checked()
        workspace_id, _, environment_id = chosen["where"].partition("/")
        return {
            "role": Role(chosen["role"]),
            "workspace_id": UUID(workspace_id),
            "environment_id": UUID(environment_id) if environment_id else None,
        }


class TokenForm(Checked):
    name = forms.CharField(label="Name", max_length=80)
    scopes = forms.MultipleChoiceField(label="May", widget=forms.SelectMultiple(attrs={"size": 6}))
    days = forms.IntegerField(label="Days that it lives", min_value=1, max_value=LONGEST_DAYS, initial=90)
    on_behalf_of = forms.ChoiceField(
        label="Acts for", required=False, help_text="It may then no more than this person may"
    )

    def __init__(self, *args: Any, found: Effective, people: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        perms = {each.perm for place in found.places for each in place.held}
        self.fields["scopes"].choices = [(perm.value, perm.label) for perm in sorted(perms)]  # type: ignore[attr-defined]
        if found.person.kind in MACHINES:
            self.fields["on_behalf_of"].choices = [("", "nobody"), *people]  # type: ignore[attr-defined]
        else:
            del self.fields["on_behalf_of"]


class RotateForm(Checked):
    overlap_hours = forms.IntegerField(
        label="Hours that the old one goes on", min_value=0, max_value=machines.LONGEST_OVERLAP.days * 24, initial=24
    )


class ServiceForm(Checked):
    name = forms.CharField(label="Name", max_length=40, help_text="a-z, 0-9 and -")
    kind = forms.ChoiceField(label="Kind", choices=[(kind.value, kind.label) for kind in MACHINES])
    purpose = forms.CharField(label="What it is for", max_length=200)
    owner = forms.ChoiceField(label="Who answers for it")
    role = forms.ChoiceField(
        label="Role", choices=[(role.value, role.label) for role in Role if role in machines.ROLES]
    )
    workspace = forms.ChoiceField(label="Workspace")

    def __init__(self, *args: Any, people: Choices, workspaces: Sequence[Workspace], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].choices = people  # type: ignore[attr-defined]
        self.fields["workspace"].choices = [(str(place.pk), place.slug) for place in workspaces]  # type: ignore[attr-defined]
        self.fields["role"].initial = Role.SERVICE.value


class ProviderForm(Checked):
    """An empty secret leaves the one that is there."""

    issuer = forms.CharField(label="Issuer", max_length=250, help_text="https://…, without /.well-known")
    client_id = forms.CharField(label="Client ID", max_length=200)
    client_secret = forms.CharField(
        label="Client secret",
        max_length=500,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Goes into the vault and is never shown. Empty: the one that is there stays",
    )
    default_role = forms.ChoiceField(
        label="Newcomers are",
        required=False,
        choices=[("", "not let in"), *((role.value, role.label) for role in sorted(sso.ADMITTING))],
    )
    step_up = forms.BooleanField(label="A fresh sign-in there can be a second factor", required=False)
    step_up_acr = forms.CharField(
        label="By this acr",
        max_length=200,
        required=False,
        help_text="Empty: by a method in amr that is a second factor",
    )
    enabled = forms.BooleanField(label="In use", required=False)


def places(workspaces: Sequence[Workspace], environments: Sequence[Environment]) -> Choices:
    """The workspaces, each before its environments."""
    return [
        choice
        for place in workspaces
        for choice in (
            (str(place.pk), f"the workspace {place.slug}"),
            *(
                (f"{place.pk}/{each.pk}", f"only {place.slug}/{each.slug}")
                for each in environments
                if each.workspace_id == place.pk
            ),
        )
    ]


def humans(everyone: Sequence[Person]) -> Choices:
    return [(str(each.id), each.label) for each in everyone if each.kind == User.Kind.HUMAN and each.active]
