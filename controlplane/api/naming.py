"""Workspaces and environments by the names that people use for them."""

from django.db import transaction

from controlplane.lib.errors import Invalid
from tenants import access
from tenants.actors import Actor
from tenants.models import Environment, Workspace


@transaction.atomic
def workspace(actor: Actor, slug: str | None) -> Workspace:
    """The workspace of that name, or the only one that the actor sees; raises Invalid."""
    found = [place for place in access.workspaces(actor) if slug in (None, place.slug)]
    if len(found) != 1:
        raise Invalid("name one of your workspaces", field="workspace")
    return found[0]


@transaction.atomic
def environment(actor: Actor, slug: str, workspace: str | None) -> Environment:
    """The environment of that name in a workspace, by its name or the only one; raises Invalid."""
    found = [
        place
        for place in access.environments(actor)
        if place.slug == slug and workspace in (None, place.workspace.slug)
    ]
    if len(found) != 1:
        raise Invalid("name an environment of one of your workspaces", field="environment")
    return found[0]
