"""A root key in each place where one may live signs keyrings that the verifier believes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from moto.kms.utils import ECDSAPrivateKey
from moto.server import ThreadedMotoServer

from evidence import keyrings, signers
from evidence.errors import SignerUnavailable, SignerUnknown
from evidence.verify import dsse, keyring
from evidence.verify.signing import kid_of, signature_holds
from tests import vault_transit
from tests.signer_checks import LONG, SHORT, signs

MODULE = "/usr/lib/softhsm/libsofthsm2.so"


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield boto3.client("kms")
    server.stop()


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[vault_transit.Transit]:
    with vault_transit.running() as transit:
        monkeypatch.setenv("VAULT_ADDR", transit.url)
        monkeypatch.setenv("VAULT_TOKEN", vault_transit.TOKEN)
        yield transit


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a fresh SoftHSM token, but for the object; holds the keys `ed` and `p256`."""
    if not Path(MODULE).exists():
        pytest.skip("SoftHSM is not installed: `apt-get install softhsm2`")
    (tmp_path / "tokens").mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    pin = tmp_path / "pin"
    pin.write_text("1234\n")
    init = ["softhsm2-util", "--init-token", "--free", "--label", "interlock", "--pin", "1234", "--so-pin", "5678"]
    subprocess.run(init, check=True, capture_output=True, env=dict(os.environ))
    subprocess.run([sys.executable, "-c", MAKE_KEYS, MODULE], check=True, capture_output=True)
    return f"pkcs11:token=interlock;object={{}}?module-path={MODULE}&pin-source=file:{pin}"


MAKE_KEYS = r"""
import sys, pkcs11
from pkcs11 import Attribute, KeyType, Mechanism
from pkcs11.util.ec import encode_named_curve_parameters
edwards = (KeyType.EC_EDWARDS, b"\x13\x0cedwards25519", Mechanism.EC_EDWARDS_KEY_PAIR_GEN, "ed")
p256 = (KeyType.EC, encode_named_curve_parameters("secp256r1"), None, "p256")
with pkcs11.lib(sys.argv[1]).get_token(token_label="interlock").open(rw=True, user_pin="1234") as session:
    for kind, curve, mechanism, label in (edwards, p256):
        domain = session.create_domain_parameters(kind, {Attribute.EC_PARAMS: curve}, local=True)
        domain.generate_keypair(mechanism=mechanism, store=True, label=label)
"""


def test_aws_kms_signs(kms: object) -> None:
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/interlock-root", TargetKeyId=made)
    signs(f"awskms:{made}", "es256", SHORT)
    signs("awskms:alias/interlock-root", "es256", SHORT)


def test_aws_kms_is_given_the_digest_of_what_is_too_long_for_it(kms: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto signs whatever it is given as if it were the message; KMS takes a DIGEST as the digest that it is."""

    def sign(self: ECDSAPrivateKey, message: bytes, signing_algorithm: str) -> bytes:
        assert (len(message), signing_algorithm) == (32, "ECDSA_SHA_256")
        return self.private_key.sign(message, ec.ECDSA(Prehashed(SHA256())))

    monkeypatch.setattr(ECDSAPrivateKey, "sign", sign)
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signs(f"awskms:{made}", "es256", LONG)


def test_a_kms_key_that_is_missing_or_of_another_kind_is_refused(kms: object) -> None:
    other = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    for address in (f"awskms:{other}", "awskms:00000000-0000-0000-0000-000000000000"):
        with pytest.raises(SignerUnavailable):
            _ = signers.open_signer(address).public


@pytest.mark.parametrize(("name", "algorithm"), [("ed", "ed25519"), ("p256", "es256")])
def test_vault_transit_signs(vault: vault_transit.Transit, name: str, algorithm: str) -> None:
    vault.rotate(name)
    signs(f"vault:transit/{name}", algorithm)


def test_a_rotation_in_vault_does_not_change_a_signer_that_names_its_version(vault: vault_transit.Transit) -> None:
    vault.rotate("ed")
    before = signers.open_signer("vault:transit/ed?version=1").public
    vault.rotate("ed")
    named, newest = (signers.open_signer(f"vault:transit/ed{which}") for which in ("?version=1", ""))
    assert named.public == before != newest.public
    assert signature_holds(before, named.sign(LONG), LONG)


def test_a_vault_that_is_sealed_unknown_or_does_not_know_us_signs_nothing(
    vault: vault_transit.Transit, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.rotate("ed")
    with pytest.raises(SignerUnavailable, match="404"):
        signers.open_signer("vault:transit/other").sign(b"x")
    monkeypatch.setenv("VAULT_TOKEN", "stolen")
    with pytest.raises(SignerUnavailable, match="permission denied"):
        signers.open_signer("vault:transit/ed").sign(b"x")
    vault.sealed = True
    with pytest.raises(SignerUnavailable, match="503"):
        signers.open_signer("vault:transit/ed").sign(b"x")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    with pytest.raises(SignerUnavailable, match="ConnectError"):
        signers.open_signer("vault:transit/ed").sign(b"x")


@pytest.mark.parametrize(("label", "algorithm"), [("ed", "ed25519"), ("p256", "es256")])
def test_a_hardware_module_signs(token: str, label: str, algorithm: str) -> None:
    assert asked(token.format(label), algorithm).returncode == 0


def test_a_key_that_the_module_does_not_hold_signs_nothing(token: str) -> None:
    here = token.format("ed")
    for wrong in (token.format("absent"), here.replace("token=interlock", "token=other"), here + ".wrong"):
        done = asked(wrong, "ed25519")
        assert done.returncode == 1
        assert "SignerUnavailable" in done.stderr


def asked(address: str, algorithm: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.signer_checks", address, algorithm]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("address", ["ftp:x", "", "vault:transit", "vault:transit/k?version=x", "pkcs11:token=x"])
def test_an_address_of_no_known_form_is_refused(address: str) -> None:
    with pytest.raises(SignerUnknown):
        signers.open_signer(address)


def test_a_named_file_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(SignerUnavailable):
        signers.open_signer(f"file:{tmp_path / 'absent.pem'}")
    assert not (tmp_path / "absent.pem").exists()


def test_root_keys_overlap_and_every_one_of_them_signs_the_keyring(
    world: object, in_scope: Callable, kms: object, settings: object
) -> None:
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    with in_scope(world.a.tenant):
        old = keyrings.sealing(world.a.tenant.id, "bundle")
        settings.INTERLOCK_ROOT_KEYS = [f"awskms:{made}", "file"]
        new = keyrings.sealing(world.a.tenant.id, "bundle")
    sealed = dsse.parse(new.envelope.encode(), keyring.PAYLOAD_TYPE)
    assert new.signer.public == old.signer.public
    assert new.keyring.version == old.keyring.version + 1
    assert len(sealed.signatures) == 2
    for public in keyrings.root_keys():
        assert sealed.holds(public, sealed.signature_of(kid_of(public)))


def test_a_root_that_cannot_be_reached_does_not_stop_a_key_that_is_good(
    world: object, in_scope: Callable, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VAULT_ADDR", raising=False)
    monkeypatch.setattr(keyrings, "_resting", {"until": 0.0})
    tenant = world.a.tenant
    with in_scope(tenant):
        good = keyrings.sealing(tenant.id, "checkpoint")
        settings.INTERLOCK_ROOT_KEYS = ["vault:transit/root"]
        for _ in range(2):
            assert keyrings.sealing(tenant.id, "checkpoint").signer.public == good.signer.public
    with in_scope(world.b.tenant), pytest.raises(SignerUnavailable):
        keyrings.sealing(world.b.tenant.id, "checkpoint")
