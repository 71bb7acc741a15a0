"""AWS KMS: asymmetric key of spec ECC_NIST_P256, usage SIGN_VERIFY.

Wire: `GetPublicKey` and `Sign` (AWS KMS API reference). KMS takes 4,096 bytes as they are and longer messages as their
digest; the signature is the same. No second try by the client: whoever asked decides.
"""

import hashlib
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from evidence.errors import SignerUnavailable
from evidence.signers import es256

LONGEST_RAW = 4096
_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1})


class KmsSigner:
    """A `Signer` over one KMS key; `key` is an id, an alias or an ARN."""

    def __init__(self, key: str) -> None:
        self._key = key

    @cached_property
    def public(self) -> bytes:
        reply = self._call("get_public_key")
        if "ECDSA_SHA_256" not in reply["SigningAlgorithms"]:
            raise SignerUnavailable("the KMS key must be of the spec ECC_NIST_P256")
        return es256.public_of_der(reply["PublicKey"])

    def sign(self, message: bytes) -> bytes:
        kind = "RAW" if len(message) <= LONGEST_RAW else "DIGEST"
        sent = message if kind == "RAW" else hashlib.sha256(message).digest()
        reply = self._call("sign", Message=sent, MessageType=kind, SigningAlgorithm="ECDSA_SHA_256")
        return es256.signature_of_der(reply["Signature"])

    def _call(self, verb: str, **arguments: Any) -> dict[str, Any]:
        try:
            return dict(getattr(self._client, verb)(KeyId=self._key, **arguments))
        except (ClientError, BotoCoreError) as error:
            raise SignerUnavailable(f"KMS: {error}") from error

    @cached_property
    def _client(self) -> Any:
        return boto3.client("kms", config=_CONFIG)
