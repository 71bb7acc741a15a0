"""Scope, members, tokens, vault, payloads: what is allowed, and that the refused thing did not happen."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidTag
from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.canonical import sha256_hex
from controlplane.lib.errors import Invalid, NotFound
from controlplane.lib.ids import uuid7
from tenants import access, datakeys, payloads, scope, services, vault
from tenants.errors import (
    CredentialMissing,
    OutsideTransaction,
    PayloadExpired,
    PermissionMissing,
    ScopeConflict,
    ScopeMissing,
    TokenRefused,
)
from tenants.models import ApiToken, Credential, Payload, Workspace
from tenants.models.secrets import NOBODY
from tenants.permissions import Perm, held
from tenants.roles import ROLE_PERMISSIONS, Role

DAY = timedelta(days=1)


def test_every_role_has_its_permissions() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)


def test_a_query_without_a_scope_raises(world: object) -> None:
    with pytest.raises(ScopeMissing):
        list(Workspace.objects.all())


def test_a_query_outside_a_transaction_raises(committed_db: str, world: object) -> None:
    with scope.enter(world.a.tenant.id), pytest.raises(OutsideTransaction):
        Workspace.objects.all()


def test_scopes_of_two_tenants_do_not_nest(world: object, in_scope: Callable) -> None:
    with in_scope(world.a.tenant), pytest.raises(ScopeConflict), scope.enter(world.b.tenant.id):
        pytest.fail("entered")


def test_a_scope_left_is_forgotten_by_the_open_transaction(world: object, in_scope: Callable) -> None:
    with transaction.atomic():
        with scope.enter(world.a.tenant.id):
            assert Workspace.objects.count() == 1
        assert Workspace.unscoped.count() == 0


def test_a_stranger_is_no_member(world: object) -> None:
    assert access.member(world.charlie, "b").tenant_id == world.b.tenant.id
    for slug in ("a", "nowhere"):
        with pytest.raises(NotFound):
            access.member(world.charlie, slug)


def test_an_administrator_may_not_approve(world: object, in_scope: Callable, actor_of: Callable) -> None:
    with in_scope(world.a.tenant):
        alice = held(actor_of(world.a.alice, world.a.tenant), world.a.workspace.id)
        bob = held(actor_of(world.a.bob, world.a.tenant), world.a.workspace.id)
    assert Perm.APPROVE not in alice
    assert Perm.APPROVE in bob


def test_a_withdrawn_role_leaves_what_another_role_gives(world: object, actor_of: Callable) -> None:
    alice = actor_of(world.a.alice, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        extra = services.grant_role(
            user_id=world.a.bob.id, role=Role.OPERATOR, workspace_id=world.a.workspace.id, actor=alice
        )
        services.withdraw_role(membership_id=extra.id, actor=alice)
        with transaction.atomic():
            bob = held(actor_of(world.a.bob, world.a.tenant), world.a.workspace.id)
    assert bob == ROLE_PERMISSIONS[Role.APPROVER]


def test_a_token_is_its_user_narrowed_to_its_scopes(world: object, actor_of: Callable) -> None:
    dana = actor_of(world.a.dana, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        made = services.issue_token(user_id=dana.id, name="ci", scopes=["view"], lives=DAY, actor=dana)
    actor = access.bearer(made.secret)
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert held(actor, world.a.workspace.id) == {Perm.VIEW}
        assert made.secret.encode() not in bytes(ApiToken.objects.get().digest)
        assert ApiToken.objects.get().last_used_at is not None


@pytest.mark.parametrize("secret", ["", "il_wrong", "il_" + "x" * 43, "Bearer"])
def test_an_unknown_token_is_refused(world: object, secret: str) -> None:
    with pytest.raises(TokenRefused):
        access.bearer(secret)


def test_expired_and_revoked_tokens_are_refused(world: object, actor_of: Callable) -> None:
    dana = actor_of(world.a.dana, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        first = services.issue_token(user_id=dana.id, name="x", scopes=["view"], lives=DAY, actor=dana)
        second = services.issue_token(user_id=dana.id, name="y", scopes=["view"], lives=DAY, actor=dana)
        services.revoke_token(token_id=second.row.id, actor=dana)
    with clock.frozen(clock.now() + 2 * DAY), pytest.raises(TokenRefused):
        access.bearer(first.secret)
    with pytest.raises(TokenRefused):
        access.bearer(second.secret)


def test_nobody_issues_a_token_for_somebody_else_without_being_administrator(world: object, actor_of: Callable) -> None:
    dana = actor_of(world.a.dana, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        with pytest.raises(PermissionMissing):
            services.issue_token(user_id=world.a.bob.id, name="x", scopes=["view"], lives=DAY, actor=dana)
        with pytest.raises(Invalid):
            services.issue_token(user_id=dana.id, name="x", scopes=["rule_the_world"], lives=DAY, actor=dana)
        with transaction.atomic():
            assert ApiToken.objects.count() == 0


def test_the_vault_keeps_ciphertext_and_rotates_with_overlap(world: object, actor_of: Callable) -> None:
    alice = actor_of(world.a.alice, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        ref = vault.store(name="snow", secret=b"one", actor=alice)
        vault.store(name="snow", secret=b"two", actor=alice)
        with transaction.atomic():
            assert vault.reveal_pair(ref) == [b"two", b"one"]
            assert all(b"two" not in bytes(row.ciphertext) for row in Credential.objects.all())
        vault.forget_previous(ref=ref, actor=alice)
        with transaction.atomic():
            assert vault.reveal_pair(ref) == [b"two"]


def test_a_ciphertext_moved_to_another_name_does_not_open(world: object, actor_of: Callable) -> None:
    alice = actor_of(world.a.alice, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        vault.store(name="snow", secret=b"one", actor=alice)
        with transaction.atomic():
            Credential.objects.update(name="slack")
            with pytest.raises(InvalidTag):
                vault.reveal("cred:slack")
            with pytest.raises(CredentialMissing):
                vault.reveal("cred:snow")


def test_only_those_who_manage_connectors_store_secrets(world: object, actor_of: Callable) -> None:
    with scope.enter(world.a.tenant.id):
        with pytest.raises(PermissionMissing):
            vault.store(name="snow", secret=b"one", actor=actor_of(world.a.dana, world.a.tenant))
        with transaction.atomic():
            assert Credential.objects.count() == 0


def test_contents_under_several_keys_cost_one_statement_and_one_for_their_keys(
    world: object, in_scope: Callable, django_assert_num_queries: Callable
) -> None:
    with in_scope(world.a.tenant):
        digests = []
        for key in range(3):
            datakeys.forget_known()
            datakeys.create()
            digests += payloads.put_many([b"%d %d" % (key, each) for each in range(5)])
        datakeys.forget_known()
        with django_assert_num_queries(2):
            assert len(payloads.get_many(digests)) == 15


def test_what_a_holder_gives_up_nobody_else_loses(world: object, in_scope: Callable) -> None:
    one, other, text = uuid7(), uuid7(), b'{"secret":"the same"}'
    with in_scope(world.a.tenant):
        shared, *_ = payloads.put_held([(text, one), (text, other), (text, NOBODY), (b"{}", one), (b'"mine"', one)])
        assert Payload.objects.filter(digest=shared).count() == 3
        assert payloads.forget_held([one]) == 2
        assert not payloads.known([sha256_hex(b'"mine"')])
        assert payloads.get(sha256_hex(b"{}")) == b"{}", "there is nothing in it to erase"
        assert payloads.forget_held([other, NOBODY]) == 1
        assert payloads.get(shared) == text, "it waits for its time"


def test_what_is_shared_stays_when_its_first_holder_gives_it_up(world: object, in_scope: Callable) -> None:
    first, second, gone = uuid7(), uuid7(), sha256_hex(b"never kept")
    with in_scope(world.a.tenant):
        (digest,) = payloads.put_held([(b'"found out"', first)])
        payloads.share([digest, gone], second)
        payloads.forget_held([first])
        assert payloads.get(digest) == b'"found out"'
        assert payloads.forget_held([second]) == 1
        assert not payloads.known([digest, gone])


def test_a_payload_is_encrypted_found_by_digest_and_expires(world: object, in_scope: Callable) -> None:
    with in_scope(world.a.tenant):
        digest = payloads.put(b'{"secret":"ticket text"}')
        assert payloads.put(b'{"secret":"ticket text"}') == digest
        assert payloads.get(digest) == b'{"secret":"ticket text"}'
        assert b"ticket" not in bytes(Payload.objects.get().ciphertext)
        with clock.frozen(clock.now() + timedelta(days=15)):
            with pytest.raises(PayloadExpired):
                payloads.get(digest)
            assert payloads.forget_expired() == 1
