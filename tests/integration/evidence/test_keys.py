"""Sealing keys come and go; the keyring remembers them all."""

import json
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from controlplane.lib import clock
from controlplane.lib.errors import NotFound
from evidence import checks, keyrings, keys, presenters, trust
from evidence.models import Event, KeyringVersion
from evidence.verify import dsse, envelope, keyring
from evidence.verify.signing import kid_of
from evidence.verify.trust import parse
from tenants.actors import Actor


def ring_of(sealing: keyrings.Sealing) -> keyring.Keyring:
    return keyring.parse(dsse.parse(sealing.envelope.encode(), keyring.PAYLOAD_TYPE).payload)


def test_a_key_is_used_until_a_day_before_its_end_and_then_replaced(world: object, in_scope: Callable) -> None:
    tenant = world.a.tenant
    with in_scope(tenant):
        first = keyrings.sealing(tenant.id, "checkpoint")
        again = keyrings.sealing(tenant.id, "checkpoint")
        with clock.frozen(clock.now() + timedelta(days=6, hours=1)):
            later = keyrings.sealing(tenant.id, "checkpoint")
        assert KeyringVersion.objects.count() == 2
        assert Event.objects.filter(type="key.announced").count() == 2
    assert again.signer.public == first.signer.public != later.signer.public
    assert {key.public for key in ring_of(first).keys} <= {key.public for key in ring_of(later).keys}
    assert ring_of(later).version == 2


def test_a_lost_key_is_replaced_and_announced(world: object, in_scope: Callable) -> None:
    tenant = world.a.tenant
    with in_scope(tenant):
        first = keyrings.sealing(tenant.id, "bundle")
        (settings.INTERLOCK_DATA_DIR / "keys" / "sealing" / str(tenant.id) / "bundle.pem").unlink()
        second = keyrings.sealing(tenant.id, "bundle")
    assert second.signer.public != first.signer.public
    assert second.keyring.version == first.keyring.version + 1


def test_the_keyring_is_signed_by_the_root_that_the_trust_names(world: object, in_scope: Callable) -> None:
    trusted = parse(json.dumps(trust.export(world.a.tenant.id)).encode())
    with in_scope(world.a.tenant):
        sealed = dsse.parse(keyrings.sealing(world.a.tenant.id, "checkpoint").envelope.encode(), keyring.PAYLOAD_TYPE)
    assert sealed.holds(trusted.root_keys[0], sealed.signatures[0][1])


def test_key_files_are_for_their_owner_only(world: object, in_scope: Callable) -> None:
    with in_scope(world.a.tenant):
        keyrings.sealing(world.a.tenant.id, "checkpoint")
    files = [path for path in keys.folder().rglob("*") if path.is_file()]
    assert files
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    assert checks.keys_are_private() == []


def test_a_deployment_name_that_makes_no_origin_is_refused_at_start() -> None:
    assert checks.deployment_makes_an_origin() == []
    with override_settings(INTERLOCK_DEPLOYMENT="has blank"):
        assert [found.id for found in checks.deployment_makes_an_origin()] == ["evidence.E001"]


def test_the_trust_file_is_written_by_the_command(world: object, tmp_path: Path) -> None:
    target = tmp_path / "trust.json"
    call_command("export_trust", "a", output=target)
    assert parse(target.read_bytes()).scope == f"interlock.localhost/{world.a.tenant.id}/"
    with pytest.raises(CommandError, match="no tenant"):
        call_command("export_trust", "nobody")


def test_every_presenter_belongs_to_a_declared_type() -> None:
    assert presenters.unknown_types() == set()


def test_a_rotation_makes_a_new_key_while_the_old_one_stays_in_the_keyring(world: object, in_scope: Callable) -> None:
    tenant = world.a.tenant
    with in_scope(tenant):
        before = keyrings.sealing(tenant.id, "checkpoint")
        fresh = keyrings.rotate("checkpoint", actor=Actor.host(tenant.id, "root"))
        after = keyrings.sealing(tenant.id, "checkpoint")
        other = keyrings.sealing(tenant.id, "bundle")
    assert after.signer.public == fresh.public != before.signer.public
    assert after.keyring.find(kid_of(before.signer.public), "checkpoint").revoked_at is None
    assert other.keyring.version == after.keyring.version


def test_a_revocation_is_signed_recorded_and_raises_the_floor_of_new_trust_files(
    world: object, in_scope: Callable
) -> None:
    tenant, at = world.a.tenant, clock.now_ms() - 5000
    with in_scope(tenant):
        before = keyrings.sealing(tenant.id, "bundle")
        kid = kid_of(before.signer.public)
        keyrings.revoke(kid, reason="stolen", at_ms=at, actor=Actor.host(tenant.id, "root"))
        after = keyrings.sealing(tenant.id, "bundle")
        told = Event.objects.get(type="key.revoked")
        with pytest.raises(NotFound):
            keyrings.revoke("ed25519:0", reason="", at_ms=at, actor=Actor.host(tenant.id, "root"))
    assert after.keyring.find(kid, "bundle").revoked_at == at
    assert after.signer.public != before.signer.public
    assert after.keyring.version == before.keyring.version + 1
    assert envelope.parse_event(bytes(told.body)).data == {
        "kid": kid,
        "use": "bundle",
        "revoked_at_ms": at,
        "reason": "stolen",
    }
    assert parse(json.dumps(trust.export(tenant.id)).encode()).min_keyring_version == after.keyring.version
    with in_scope(tenant):
        keyrings.rotate("bundle", actor=Actor.host(tenant.id, "root"))
    assert parse(json.dumps(trust.export(tenant.id)).encode()).min_keyring_version == after.keyring.version


def test_the_command_shows_rotates_and_revokes(
    world: object, in_scope: Callable, capsys: pytest.CaptureFixture
) -> None:
    with in_scope(world.a.tenant):
        first = kid_of(keyrings.sealing(world.a.tenant.id, "bundle").signer.public)
    call_command("sealing_keys", "a", rotate="bundle")
    assert [line.split()[1:] for line in capsys.readouterr().out.splitlines()].count(["bundle", "good"]) == 2
    with pytest.raises(CommandError, match="says why"):
        call_command("sealing_keys", "a", revoke=first)
    with pytest.raises(CommandError, match="no keyring"):
        call_command("sealing_keys", "a", revoke="ed25519:0", reason="stolen")
    call_command("sealing_keys", "a", revoke=first, reason="laptop lost", minutes_ago=30)
    assert f"{first}  bundle      revoked" in capsys.readouterr().out
    with in_scope(world.a.tenant):
        assert Event.objects.filter(type="key.revoked").count() == 1
