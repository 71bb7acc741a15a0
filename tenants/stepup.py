"""Step-up: a person proves with a second factor, for exactly one deed, that they are there now.

`open_challenge` asks, `complete_…` takes the proof, `spend` uses it up inside the deed's own transaction. How the
person signed in does not matter: without a proof for this very action digest there is none.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet, Sum

from controlplane.lib import clock
from controlplane.lib.canonical import canonical, sha256_hex
from controlplane.lib.errors import NotFound
from tenants import factors, ports, sso
from tenants.actors import Actor
from tenants.errors import NoSecondFactor, StepUpRefused, StepUpRequired, TooManyProofs
from tenants.events import StepUpFailed, StepUpProved
from tenants.models import IdentityProvider, StepUp, StepUpChallenge

VALID = timedelta(minutes=5)
MOST_PER_CHALLENGE = 5
MOST_LATELY = 10
LATELY = timedelta(minutes=15)
CLOCKS_DIFFER = timedelta(seconds=10)
_FACTOR = {StepUp.Method.PASSKEY: factors.PASSKEY, StepUp.Method.TOTP: factors.TOTP}


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a page needs to ask: `passkey` are the options for `navigator.credentials.get`, None without a passkey;
    `oidc`: a fresh sign-in at the tenant's identity provider is an answer too."""

    id: UUID
    action_digest: str
    totp: bool
    oidc: bool
    passkey: Mapping[str, Any] | None


def challenge_of(action_digest: str) -> bytes:
    """What a passkey signs: SHA-256 over the 64 hexadecimal characters of the action digest."""
    return hashlib.sha256(action_digest.encode()).digest()


@transaction.atomic
def has_second_factor(user_id: UUID) -> bool:
    """Whether the person could step up at all."""
    return bool(factors.held(user_id)) or sso.can_step_up(user_id)


def fresh(*, user_id: UUID, action_digest: str, now: datetime) -> StepUp | None:
    """The newest proof of this person for this deed that is at most five minutes old and not used up."""
    return _fresh(user_id, action_digest, now).first()


@transaction.atomic(durable=True)
def open_challenge(
    *, actor: Actor, action_digest: str, workspace_id: UUID | None = None, run_id: UUID | None = None
) -> Challenge:
    """Ask the person at the console for a proof; raises NoSecondFactor for one who has none.

    A token or a Slack click is an account, not a person who is there: it cannot even ask.
    """
    _require_console(actor)
    held, elsewhere = factors.held(actor.id), sso.can_step_up(actor.id)
    if not held and not elsewhere:
        raise NoSecondFactor
    row = StepUpChallenge.objects.create(
        user_id=actor.id,
        action_digest=action_digest,
        workspace_id=workspace_id,
        run_id=run_id,
        opened_at=clock.now(),
    )
    options = factors.passkey_options(actor.id, challenge_of(action_digest))
    return Challenge(id=row.pk, action_digest=action_digest, totp=factors.TOTP in held, passkey=options, oidc=elsewhere)


def complete_totp(*, challenge_id: UUID, code: str, actor: Actor) -> StepUp:
    """Answer with a one-time code. Raises StepUpRefused or TooManyProofs; failures are counted and recorded."""
    _count_attempt(challenge_id, actor)
    with transaction.atomic(durable=True):
        challenge = _unanswered(challenge_id, actor)
        proof = factors.accept_totp(actor.id, code)
        made = _prove(challenge, StepUp.Method.TOTP, proof.encode(), None, actor=actor) if proof else None
    return _answer(made, challenge_id, StepUp.Method.TOTP, actor)


def complete_passkey(*, challenge_id: UUID, credential: Mapping[str, Any], actor: Actor) -> StepUp:
    """Answer with a passkey's assertion over the action digest, in the JSON of `PublicKeyCredential.toJSON()`."""
    _count_attempt(challenge_id, actor)
    with transaction.atomic(durable=True):
        challenge = _unanswered(challenge_id, actor)
        signed = factors.accept_passkey(actor.id, challenge_of(challenge.action_digest), credential)
        proof = (signed.signature, signed.as_text()) if signed else None
        made = _prove(challenge, StepUp.Method.PASSKEY, *proof, actor=actor) if proof else None
    return _answer(made, challenge_id, StepUp.Method.PASSKEY, actor)


def complete_oidc(*, challenge_id: UUID, claims: Mapping[str, Any], actor: Actor) -> StepUp:
    """Answer with the verified claims of an ID token of the tenant's provider, got by `prompt=login&max_age=0`.

    The person must have signed in there after the question was asked: `auth_time` counts, never `iat`. And the
    token must say that a second factor was used.
    """
    _count_attempt(challenge_id, actor)
    with transaction.atomic(durable=True):
        challenge = _unanswered(challenge_id, actor)
        fits = _signed_in_since(challenge.opened_at, claims) and _by_second_factor(actor.id, claims)
        proof = (
            canonical([str(claims["iss"]), str(claims["sub"]), claims["auth_time"], claims["nonce"]]) if fits else None
        )
        made = _prove(challenge, StepUp.Method.OIDC, proof, None, actor=actor) if proof else None
    return _answer(made, challenge_id, StepUp.Method.OIDC, actor)


def _signed_in_since(asked_at: datetime, claims: Mapping[str, Any]) -> bool:
    told = claims.get("auth_time")
    if not isinstance(told, int) or isinstance(told, bool):
        return False
    at = datetime.fromtimestamp(told, UTC)
    return asked_at - CLOCKS_DIFFER <= at <= clock.now() + CLOCKS_DIFFER


def _by_second_factor(user_id: UUID, claims: Mapping[str, Any]) -> bool:
    row = IdentityProvider.objects.filter(enabled=True, step_up=True).first()
    linked = {"provider": str(row.tenant_id), "uid": str(claims["sub"]), "user_id": user_id} if row else {}
    return bool(row and SocialAccount.objects.filter(**linked).exists() and sso.says_second_factor(row, claims))


def spend(*, user_id: UUID, action_digest: str, now: datetime, passkey_only: bool = False) -> StepUp:
    """Use the proof up, in the deed's open transaction; raises StepUpRequired. Of racing deeds one gets it."""
    rows = _fresh(user_id, action_digest, now)
    row = (rows.filter(method=StepUp.Method.PASSKEY) if passkey_only else rows).first()
    if row is None or not _still_held(row) or not StepUp.objects.filter(pk=row.pk, used_at=None).update(used_at=now):
        raise StepUpRequired(_how(passkey_only), passkey_only=passkey_only)
    row.used_at = now
    return row


def _still_held(row: StepUp) -> bool:
    """A factor that was taken away since proves nothing any more."""
    if row.method == StepUp.Method.OIDC:
        return sso.can_step_up(row.user_id)
    return _FACTOR[StepUp.Method(row.method)] in factors.held(row.user_id)


def _how(passkey_only: bool) -> str:
    what = "passkey" if passkey_only else "second factor"
    return f"This needs your {what}, used for exactly this within the last five minutes, in the console."


def _fresh(user_id: UUID, action_digest: str, now: datetime) -> QuerySet[StepUp]:
    mine = StepUp.objects.filter(user_id=user_id, action_digest=action_digest, used_at=None, user__is_active=True)
    return mine.filter(at__gte=now - VALID, at__lte=now).order_by("-at")


def _require_console(actor: Actor) -> None:
    if not actor.is_person or actor.method != "session":
        raise StepUpRequired(_how(passkey_only=False))


@transaction.atomic(durable=True)
def _count_attempt(challenge_id: UUID, actor: Actor) -> None:
    """Before the proof is looked at and in a transaction of its own, so that parallel guesses count."""
    _require_console(actor)
    mine = StepUpChallenge.objects.filter(user_id=actor.id)
    if not mine.filter(pk=challenge_id).update(attempts=F("attempts") + 1):
        raise NotFound
    lately = mine.filter(opened_at__gte=clock.now() - LATELY, answered_at=None)
    most = lately.aggregate(most=Sum("attempts"))["most"] or 0
    if most > MOST_LATELY or mine.filter(pk=challenge_id, attempts__gt=MOST_PER_CHALLENGE).exists():
        raise TooManyProofs("Too many attempts. Wait 15 minutes, then open the page again.")


def _unanswered(challenge_id: UUID, actor: Actor) -> StepUpChallenge:
    row = StepUpChallenge.objects.select_for_update().get(pk=challenge_id, user_id=actor.id)
    if row.answered_at is not None or clock.now() - row.opened_at > VALID:
        raise StepUpRefused("The question was answered or is too old. Open the page again.")
    return row


def _prove(
    challenge: StepUpChallenge, method: StepUp.Method, proof: bytes, assertion: dict[str, str] | None, *, actor: Actor
) -> StepUp:
    challenge.answered_at = clock.now()
    challenge.save(update_fields=["answered_at"])
    try:
        with transaction.atomic():
            made = StepUp.objects.create(
                challenge=challenge,
                user_id=actor.id,
                method=method,
                action_digest=challenge.action_digest,
                at=challenge.answered_at,
                assertion=canonical(assertion) if assertion else None,
                proof_digest=sha256_hex(method.encode() + b"\0" + proof),
            )
    except IntegrityError as twice:
        raise StepUpRefused("This proof was used before.") from twice
    told = StepUpProved(made.pk, actor.id, method.value, made.action_digest, assertion)
    ports.record.get()(told, actor=actor, workspace_id=challenge.workspace_id, run_id=challenge.run_id)
    return made


def _answer(made: StepUp | None, challenge_id: UUID, method: StepUp.Method, actor: Actor) -> StepUp:
    """The proof, or the refusal once the failure is on record."""
    if made is None:
        _record_failure(challenge_id, method, actor)
        raise StepUpRefused("That code or passkey is not right, or it was used already.")
    return made


@transaction.atomic(durable=True)
def _record_failure(challenge_id: UUID, method: StepUp.Method, actor: Actor) -> None:
    row = StepUpChallenge.objects.get(pk=challenge_id)
    told = StepUpFailed(row.pk, actor.id, method.value, row.action_digest, row.attempts)
    ports.record.get()(told, actor=actor, workspace_id=row.workspace_id, run_id=row.run_id)
