"""A policy in force for tests that are about something else: without its checks, and as if others had approved it."""

import uuid
from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from controlplane.lib import clock
from policies import publishing
from policies.models import Activation, Draft, DraftVote, Standing
from policies.publishing import Ground
from policies.types import DraftState, PackSource
from tenants.actors import Actor


@transaction.atomic
def activate_packs(
    *,
    environment_id: UUID,
    packs: Mapping[str, PackSource],
    actor: Actor,
    reason: str = "",
    ttl_s: int | None = None,
    after_seq: int | None = None,
) -> Activation:
    """These packs become the whole policy of the environment. How they are checked and approved is tested elsewhere."""
    publishing.require_seq(environment_id, after_seq)
    bundle = publishing.written(packs, author_id=actor.id)
    first = not Standing.objects.filter(environment_id=environment_id).exists()
    draft = None if first else approved(environment_id, actor)
    ground = Ground("first" if first else "approved", actor.id, reason, draft)
    activation = publishing.activate(environment_id, bundle, ground, actor=actor, ttl_s=ttl_s)
    Draft.objects.filter(pk=activation.draft_id).update(state=DraftState.ACTIVE)
    return activation


def approved(environment_id: UUID, author: Actor) -> Draft:
    """A draft to which somebody nobody knows said yes: the database activates nothing without one."""
    draft = Draft.objects.create(
        environment_id=environment_id,
        pack="ground",
        state=DraftState.APPROVED,
        author_id=author.id,
        editor_ids=[str(author.id)],
        proposal=1,
        digest="0" * 64,
    )
    DraftVote.objects.create(
        draft=draft, proposal=1, digest=draft.digest, actor_id=uuid.uuid4(), approve=True, cast_at=clock.now()
    )
    return draft
