"""A person proves to be there, for one deed, as the console would have them do it."""

from typing import Any
from uuid import UUID

from fido2.utils import websafe_decode

from tenants import stepup
from tenants.actors import Actor
from tenants.models import StepUp
from tests.authenticators import SoftPasskey, code_of, give_totp


def by_passkey(person: Any, actor: Actor, action_digest: str, key: SoftPasskey | None = None, **place: UUID) -> StepUp:
    """With a passkey that they have, or with one that they are given first. Inside the tenant's scope. `place`: the run
    and the workspace in whose record it is told."""
    if key is None:
        key = SoftPasskey()
        key.give(person)
    asked = stepup.open_challenge(actor=actor, action_digest=action_digest, **place)
    assert asked.passkey is not None
    signed = key.sign(websafe_decode(asked.passkey["challenge"]))
    return stepup.complete_passkey(challenge_id=asked.id, credential=signed, actor=actor)


def by_code(person: Any, actor: Actor, action_digest: str) -> StepUp:
    """With a one-time code of a new secret."""
    secret = give_totp(person)
    asked = stepup.open_challenge(actor=actor, action_digest=action_digest)
    return stepup.complete_totp(challenge_id=asked.id, code=code_of(secret), actor=actor)
