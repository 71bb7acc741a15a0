"""Vault transit (HashiCorp Vault, OpenBao): the server signs, the key does not leave it.

Wire: `GET /v1/<mount>/keys/<key>` and `POST /v1/<mount>/sign/<key>` (Vault API, secrets engine transit).
VAULT_ADDR says where, VAULT_TOKEN or VAULT_TOKEN_FILE who, VAULT_CACERT whom to believe, VAULT_NAMESPACE for whom.
A signer keeps to one version of the key: a rotation in Vault must not change who speaks behind the trust files' back.
"""

import os
import ssl
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2

from evidence.errors import SignerUnavailable, SignerUnknown
from evidence.signers import es256
from evidence.verify.encoding import b64, unb64
from evidence.verify.malformed import Malformed

_KINDS = ("ed25519", "ecdsa-p256")


class VaultSigner:
    """A `Signer` over one version of a transit key; `version` 0 is the newest one when it is first asked for."""

    def __init__(self, mount: str, key: str, version: int = 0) -> None:
        self._mount, self._name, self._wanted = mount, key, version

    @property
    def public(self) -> bytes:
        text = str(self._key["keys"][str(self._version)]["public_key"])
        return _bytes(text) if self._key["type"] == "ed25519" else es256.public_of_pem(text.encode())

    def sign(self, message: bytes) -> bytes:
        wanted = {"input": b64(message), "key_version": self._version}
        if self._key["type"] == "ecdsa-p256":
            wanted |= {"hash_algorithm": "sha2-256", "marshaling_algorithm": "asn1"}
        signature = str(self._ask("POST", f"sign/{self._name}", wanted)["signature"])
        prefix = f"vault:v{self._version}:"
        if not signature.startswith(prefix):
            raise SignerUnavailable(f"Vault signed as {signature[:20]!r}, not as {prefix}")
        raw = _bytes(signature.removeprefix(prefix))
        return raw if self._key["type"] == "ed25519" else es256.signature_of_der(raw)

    @property
    def _version(self) -> int:
        return self._wanted or int(self._key["latest_version"])

    @cached_property
    def _key(self) -> dict[str, Any]:
        key = self._ask("GET", f"keys/{self._name}")
        if key.get("type") not in _KINDS or key.get("derived") or str(self._wanted or 1) not in key["keys"]:
            raise SignerUnavailable(
                f"the transit key must be {' or '.join(_KINDS)}, not derived, and have that version"
            )
        return key

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            with _client() as client:
                reply = client.request(method, f"/v1/{self._mount}/{path}", json=body)
                answer = reply.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise SignerUnavailable(f"Vault: {type(error).__name__}") from error
        if reply.status_code != httpx2.codes.OK or not isinstance(answer.get("data"), dict):
            raise SignerUnavailable(f"Vault answered {reply.status_code}: {answer.get('errors')}")
        return dict(answer["data"])


def _bytes(text: str) -> bytes:
    try:
        return unb64(text)
    except Malformed as error:
        raise SignerUnavailable("Vault answered with something else than base64") from error


def at(rest: str) -> VaultSigner:
    """`<mount>/<key>?version=<n>`; the mount may have several parts."""
    path, _, query = rest.partition("?")
    mount, _, key = path.rpartition("/")
    version = parse_qs(query).get("version", ["0"])[0]
    if not mount or not key or not version.isdigit():
        raise SignerUnknown("vault:<mount>/<key>?version=<n> expected")
    return VaultSigner(mount, key, int(version))


def _client() -> httpx2.Client:
    address = os.environ.get("VAULT_ADDR", "")
    if not address:
        raise SignerUnavailable("VAULT_ADDR is not set")
    authority = os.environ.get("VAULT_CACERT")
    return httpx2.Client(
        base_url=address,
        headers=_headers(),
        timeout=httpx2.Timeout(10, connect=3),
        trust_env=False,
        follow_redirects=False,
        verify=ssl.create_default_context(cafile=authority) if authority else True,
    )


def _headers() -> dict[str, str]:
    """The token is read at each connection, so that a renewed one needs no restart."""
    file = os.environ.get("VAULT_TOKEN_FILE")
    token = Path(file).read_text(encoding="utf-8").strip() if file else os.environ.get("VAULT_TOKEN", "")
    namespace = os.environ.get("VAULT_NAMESPACE")
    return {
        "X-Vault-Token": token,
        "X-Vault-Request": "true",
        **({"X-Vault-Namespace": namespace} if namespace else {}),
    }
