"""The credential vault. Configuration holds a reference (`cred:<name>`); plaintext is seen only at the call."""

import re
from typing import NewType

from django.db import transaction

from controlplane.lib.errors import Invalid
from tenants import datakeys, ports, quick
from tenants.actors import Actor
from tenants.errors import CredentialMissing
from tenants.events import CredentialStored
from tenants.models import Credential
from tenants.permissions import Perm, require

CredentialRef = NewType("CredentialRef", str)

_PREFIX = "cred:"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


@transaction.atomic(durable=True)
def store(*, name: str, secret: bytes, actor: Actor) -> CredentialRef:
    """Store a secret, or rotate it: the former value stays valid as the previous slot."""
    if not _NAME.fullmatch(name):
        raise Invalid("a credential's name has up to 80 of a-z, 0-9, - and _")
    require(actor, Perm.MANAGE_CONNECTORS)
    rotated = _shift(name)
    _write(name, secret)
    ports.record.get()(CredentialStored(name, rotated), actor=actor)
    return CredentialRef(_PREFIX + name)


def reveal(ref: str) -> bytes:
    """The current secret; raises CredentialMissing. Call it only where the secret leaves for its own system."""
    return reveal_pair(ref)[0]


def reveal_pair(ref: str) -> list[bytes]:
    """Current secret first, then the previous one if the rotation kept it."""
    rows = sorted(quick.find(Credential, name=_name(ref)), key=lambda row: row.slot)
    secrets = [datakeys.decrypt(datakeys.get(row.key_id), bytes(row.ciphertext), f"cred|{row.name}") for row in rows]
    if not secrets:
        raise CredentialMissing(f"{ref} is not in the vault: store it first")
    return secrets


@transaction.atomic(durable=True)
def forget_previous(*, ref: str, actor: Actor) -> None:
    """End a rotation: the previous secret stops being accepted."""
    require(actor, Perm.MANAGE_CONNECTORS)
    Credential.objects.filter(name=_name(ref), slot=Credential.Slot.PREVIOUS).delete()
    ports.record.get()(CredentialStored(_name(ref), rotated=True), actor=actor)


def _shift(name: str) -> bool:
    Credential.objects.filter(name=name, slot=Credential.Slot.PREVIOUS).delete()
    moved = Credential.objects.filter(name=name).update(slot=Credential.Slot.PREVIOUS)
    return bool(moved)


def _write(name: str, secret: bytes) -> None:
    key, ciphertext = datakeys.encrypt(secret, f"cred|{name}")
    Credential.objects.create(name=name, key=key, ciphertext=ciphertext)


def _name(ref: str) -> str:
    if not ref.startswith(_PREFIX):
        raise CredentialMissing(f"{ref!r} is not a credential reference (cred:<name>)")
    return ref.removeprefix(_PREFIX)
