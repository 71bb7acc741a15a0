"""Step-up: a proof is for one person, one deed, five minutes and one use."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import transaction
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.utils import websafe_decode

from controlplane.lib import clock
from controlplane.lib.errors import DomainError, NotFound
from evidence.models import Event
from tenants import factors, scope, stepup
from tenants.errors import NoSecondFactor, StepUpRefused, StepUpRequired, TooManyProofs
from tenants.models import StepUp
from tests.authenticators import SoftPasskey, code_of, give_totp

DEED, OTHER = "a1" * 32, "b2" * 32


@pytest.fixture
def bob(committed_db: str, world: SimpleNamespace, actor_of: Callable) -> Iterator[SimpleNamespace]:
    """Bob at the console of A, inside its scope."""
    with scope.enter(world.a.tenant.id):
        yield SimpleNamespace(user=world.a.bob, actor=actor_of(world.a.bob, world.a.tenant), world=world)


def fresh(bob: SimpleNamespace, deed: str = DEED) -> StepUp | None:
    with transaction.atomic():
        return stepup.fresh(user_id=bob.user.id, action_digest=deed, now=clock.now())


def spend(bob: SimpleNamespace, deed: str = DEED, *, passkey_only: bool = False) -> StepUp:
    with transaction.atomic():
        return stepup.spend(user_id=bob.user.id, action_digest=deed, now=clock.now(), passkey_only=passkey_only)


def by_code(bob: SimpleNamespace, secret: str, deed: str = DEED, *, periods: int = 0) -> StepUp:
    asked = stepup.open_challenge(actor=bob.actor, action_digest=deed)
    return stepup.complete_totp(challenge_id=asked.id, code=code_of(secret, periods=periods), actor=bob.actor)


def by_passkey(bob: SimpleNamespace, key: SoftPasskey, deed: str = DEED) -> StepUp:
    asked = stepup.open_challenge(actor=bob.actor, action_digest=deed)
    signed = key.sign(websafe_decode(asked.passkey["challenge"]))
    return stepup.complete_passkey(challenge_id=asked.id, credential=signed, actor=bob.actor)


def told(kind: str) -> list[dict[str, object]]:
    with transaction.atomic():
        return [json.loads(bytes(event.body))["data"] for event in Event.objects.filter(type=kind).order_by("id")]


def test_without_a_second_factor_nobody_can_even_ask(bob: SimpleNamespace) -> None:
    with pytest.raises(NoSecondFactor):
        stepup.open_challenge(actor=bob.actor, action_digest=DEED)
    assert not stepup.has_second_factor(bob.user.id)


@pytest.mark.parametrize("method", ["token", "slack"])
def test_a_token_or_a_click_in_slack_cannot_ask(bob: SimpleNamespace, method: str) -> None:
    give_totp(bob.user)
    with pytest.raises(StepUpRequired):
        stepup.open_challenge(actor=replace(bob.actor, method=method), action_digest=DEED)


def test_a_code_is_good_for_the_deed_that_was_asked_about_and_once(bob: SimpleNamespace) -> None:
    made = by_code(bob, give_totp(bob.user))
    assert (made.method, made.assertion) == ("totp", None)
    assert fresh(bob, OTHER) is None
    with pytest.raises(StepUpRequired):
        spend(bob, OTHER)
    assert spend(bob).pk == made.pk
    assert fresh(bob) is None
    with pytest.raises(StepUpRequired):
        spend(bob)


def test_after_five_minutes_a_proof_is_nothing(bob: SimpleNamespace) -> None:
    by_code(bob, give_totp(bob.user))
    with clock.frozen(clock.now() + stepup.VALID + timedelta(seconds=1)):
        assert fresh(bob) is None
        with pytest.raises(StepUpRequired):
            spend(bob)
    assert fresh(bob) is not None


def test_a_code_is_never_taken_twice_but_the_next_one_is(bob: SimpleNamespace) -> None:
    secret = give_totp(bob.user)
    with clock.frozen(clock.now()):
        by_code(bob, secret)
        with pytest.raises(StepUpRefused):
            by_code(bob, secret, OTHER)
        with pytest.raises(StepUpRefused):
            by_code(bob, secret, OTHER, periods=-1)
        assert by_code(bob, secret, OTHER, periods=1).action_digest == OTHER


def test_a_code_used_to_sign_in_does_not_step_up(bob: SimpleNamespace) -> None:
    secret = give_totp(bob.user)
    with clock.frozen(clock.now()):
        assert factors.accept_totp(bob.user.id, code_of(secret))
        with pytest.raises(StepUpRefused):
            by_code(bob, secret)


def test_wrong_codes_are_counted_recorded_and_soon_refused(bob: SimpleNamespace) -> None:
    secret = give_totp(bob.user)
    asked = stepup.open_challenge(actor=bob.actor, action_digest=DEED)
    for _ in range(stepup.MOST_PER_CHALLENGE):
        with pytest.raises(StepUpRefused):
            stepup.complete_totp(challenge_id=asked.id, code="000000x", actor=bob.actor)
    with pytest.raises(TooManyProofs):
        stepup.complete_totp(challenge_id=asked.id, code=code_of(secret), actor=bob.actor)
    assert [one["attempts"] for one in told("step_up.failed")] == [1, 2, 3, 4, 5]
    assert fresh(bob) is None


def test_opening_new_challenges_gives_no_more_guesses(bob: SimpleNamespace) -> None:
    secret = give_totp(bob.user)
    for _ in range(stepup.MOST_LATELY):
        asked = stepup.open_challenge(actor=bob.actor, action_digest=DEED)
        with pytest.raises(StepUpRefused):
            stepup.complete_totp(challenge_id=asked.id, code="000000x", actor=bob.actor)
    with pytest.raises(TooManyProofs):
        by_code(bob, secret)


def test_a_challenge_is_answered_once_soon_and_by_whom_it_asked(bob: SimpleNamespace, actor_of: Callable) -> None:
    key = SoftPasskey()
    key.give(bob.user)
    asked = stepup.open_challenge(actor=bob.actor, action_digest=DEED)
    signed = key.sign(websafe_decode(asked.passkey["challenge"]))
    carol = actor_of(bob.world.a.carol, bob.world.a.tenant)
    with pytest.raises(NotFound):
        stepup.complete_passkey(challenge_id=asked.id, credential=signed, actor=carol)
    with clock.frozen(clock.now() + stepup.VALID + timedelta(seconds=1)), pytest.raises(StepUpRefused):
        stepup.complete_passkey(challenge_id=asked.id, credential=signed, actor=bob.actor)
    stepup.complete_passkey(challenge_id=asked.id, credential=signed, actor=bob.actor)
    with pytest.raises(StepUpRefused):
        stepup.complete_passkey(challenge_id=asked.id, credential=key.sign(b"x" * 32), actor=bob.actor)


def test_a_passkey_signs_the_deed_itself_and_anybody_can_check_it(bob: SimpleNamespace) -> None:
    key = SoftPasskey()
    key.give(bob.user)
    made = by_passkey(bob, key)
    (event,) = told("step_up.proved")
    said = {name: websafe_decode(value) for name, value in event["assertion"].items() if name != "rp_id"}
    assert event["step_up_id"] == str(made.pk)
    assert hashlib.sha256(DEED.encode()).digest() == stepup.challenge_of(DEED)
    client_data = said["client_data_json"]
    assert websafe_decode(json.loads(client_data)["challenge"]) == stepup.challenge_of(DEED)
    public = CoseKey.parse(cbor.decode(said["public_key"]))
    public.verify(said["authenticator_data"] + hashlib.sha256(client_data).digest(), said["signature"])


def test_for_the_highest_tier_a_code_is_not_enough(bob: SimpleNamespace) -> None:
    by_code(bob, give_totp(bob.user))
    with pytest.raises(StepUpRequired):
        spend(bob, passkey_only=True)
    key = SoftPasskey()
    key.give(bob.user)
    made = by_passkey(bob, key)
    assert spend(bob, passkey_only=True).pk == made.pk


def _another_deed(key: SoftPasskey, challenge: bytes) -> dict[str, object]:
    return key.sign(stepup.challenge_of(OTHER))


def _unverified(key: SoftPasskey, challenge: bytes) -> dict[str, object]:
    return key.sign(challenge, verified=False)


def _other_origin(key: SoftPasskey, challenge: bytes) -> dict[str, object]:
    return replace(key, origin="https://localhost.evil.test").sign(challenge)


def _other_site(key: SoftPasskey, challenge: bytes) -> dict[str, object]:
    return replace(key, rp_id="evil.test").sign(challenge)


def _other_key(key: SoftPasskey, challenge: bytes) -> dict[str, object]:
    return replace(key, key=ec.generate_private_key(ec.SECP256R1())).sign(challenge)


def _unknown(key: SoftPasskey, challenge: bytes) -> dict[str, object]:
    return SoftPasskey().sign(challenge)


def _copied(key: SoftPasskey, challenge: bytes) -> dict[str, object]:
    return key.sign(challenge, counts=False)


def _nonsense(key: SoftPasskey, challenge: bytes) -> dict[str, object]:
    return {"id": "x", "response": {}}


@pytest.mark.parametrize(
    "forge", [_another_deed, _unverified, _other_origin, _other_site, _other_key, _unknown, _copied, _nonsense]
)
def test_an_assertion_that_is_not_right_proves_nothing(bob: SimpleNamespace, forge: Callable) -> None:
    key = SoftPasskey()
    key.give(bob.user)
    by_passkey(bob, key, OTHER)
    asked = stepup.open_challenge(actor=bob.actor, action_digest=DEED)
    with pytest.raises(StepUpRefused):
        stepup.complete_passkey(
            challenge_id=asked.id, credential=forge(key, websafe_decode(asked.passkey["challenge"])), actor=bob.actor
        )
    assert fresh(bob) is None


def test_an_assertion_is_not_taken_twice(bob: SimpleNamespace) -> None:
    key = SoftPasskey()
    key.give(bob.user)
    signed = key.sign(stepup.challenge_of(DEED))
    for refused in (False, True):
        asked = stepup.open_challenge(actor=bob.actor, action_digest=DEED)
        try:
            stepup.complete_passkey(challenge_id=asked.id, credential=signed, actor=bob.actor)
            assert not refused
        except DomainError:
            assert refused


def test_a_factor_that_was_taken_away_proves_nothing_any_more(bob: SimpleNamespace) -> None:
    by_code(bob, give_totp(bob.user))
    bob.user.authenticator_set.all().delete()
    with pytest.raises(StepUpRequired):
        spend(bob)


def test_a_proof_given_in_one_tenant_is_nothing_in_another(bob: SimpleNamespace, elsewhere: Callable) -> None:
    by_code(bob, give_totp(bob.user))
    with elsewhere(bob.world.b.tenant), transaction.atomic():
        assert stepup.fresh(user_id=bob.user.id, action_digest=DEED, now=clock.now()) is None


def test_the_secret_of_the_codes_lies_encrypted(bob: SimpleNamespace) -> None:
    secret = give_totp(bob.user)
    assert secret not in str(bob.user.authenticator_set.get().data)
