"""Where a root key may live: one address, one `Signer`. The key never leaves the service that holds it.

file                                      root.pem in the data folder, made on first use
file:/etc/interlock/root.pem              a file of the operator's, Ed25519
awskms:<key id, alias or ARN>             AWS KMS, ECC_NIST_P256; region and credentials as boto3 finds them
vault:<mount>/<key>?version=<n>           HashiCorp Vault or OpenBao, transit: ed25519 or ecdsa-p256
pkcs11:token=<label>;object=<label>?module-path=<library>&pin-source=<file>   a hardware module (RFC 7512)
"""

from collections.abc import Callable

from evidence.errors import SignerUnknown
from evidence.verify.signing import Signer


def open_signer(address: str) -> Signer:
    """The signer at an address; raises SignerUnknown for an address of no known form.

    What the service answers later (or does not) is SignerUnavailable.
    """
    scheme, _, rest = address.partition(":")
    if scheme not in _OPENERS:
        raise SignerUnknown(f"a root key lives at {', '.join(_OPENERS)}, not at {scheme!r}")
    return _OPENERS[scheme](rest)


def _file(rest: str) -> Signer:
    from evidence.signers import file

    return file.at(rest)


def _awskms(rest: str) -> Signer:
    from evidence.signers import egress_awskms

    return egress_awskms.KmsSigner(rest)


def _vault(rest: str) -> Signer:
    from evidence.signers import egress_vault

    return egress_vault.at(rest)


def _pkcs11(rest: str) -> Signer:
    from evidence.signers import pkcs11_token

    return pkcs11_token.at(rest)


_OPENERS: dict[str, Callable[[str], Signer]] = {
    "file": _file,
    "awskms": _awskms,
    "vault": _vault,
    "pkcs11": _pkcs11,
}
"""Imported when asked for: each but the first needs an extra (`interlock[kms]`, `interlock[hsm]`)."""
