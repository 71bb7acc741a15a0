"""What publishing locks, in this order: the draft, the row that activation and dispatch meet at, the packs by name."""

from uuid import UUID

from django.db import connection

from controlplane.lib.errors import NotFound
from policies import active
from policies.models import Draft, PolicyPack, Standing
from tenants import scope


def pack_for_version(name: str) -> PolicyPack:
    """The pack of that name; two authors at once would take the same number for different texts."""
    _queue(f"policies/pack/{scope.current()}/{name}")
    return PolicyPack.objects.get_or_create(name=name)[0]


def standing_for_change(environment_id: UUID) -> Standing | None:
    """Waits for every dispatch that relies on the row, and keeps new ones out until we commit.

    The advisory lock comes first, for the one case without a row: two first activations at once.
    """
    _queue(f"policies/standing/{environment_id}")
    return Standing.objects.select_for_update().filter(environment_id=environment_id).first()


def standing_for_dispatch(environment_id: UUID) -> Standing | None:
    """Any number of dispatches at once, no activation in between. Django has no FOR SHARE of its own.

    Whoever waited for an activation gets the row as that left it, so the one statement is enough.
    """
    return active.standing_of(environment_id, share=True)


def _queue(subject: str) -> None:
    """An advisory lock until the transaction ends, for what has no row to lock or may not be updated."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [subject])


def draft(draft_id: UUID) -> Draft:
    """The draft, before anything of its environment: what is voted, edited and activated waits here."""
    row = (
        Draft.objects.select_for_update(of=("self",))
        .select_related("environment", "simulation", "restores__bundle")
        .filter(pk=draft_id)
        .first()
    )
    if row is None:
        raise NotFound
    return row
