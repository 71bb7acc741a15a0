"""A stand-in for Vault's transit engine, over real HTTP with real keys: what `evidence.signers.egress_vault` asks for.

Wire facts from the Vault API documentation: keys by version, `vault:v<n>:<base64>` signatures, an `errors` list.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

TOKEN = "s.stand-in"
PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class Transit:
    """The engine. `rotate` makes the next version of a key; `sealed` answers 503 to everything."""

    url: str = ""
    sealed: bool = False
    keys: dict[str, list[PrivateKey]] = field(default_factory=dict)

    def rotate(self, name: str) -> None:
        made = Ed25519PrivateKey.generate() if name.startswith("ed") else ec.generate_private_key(ec.SECP256R1())
        self.keys.setdefault(name, []).append(made)

    def answer(self, method: str, path: list[str], token: str | None, body: dict[str, Any]) -> tuple[int, Any]:
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if token != TOKEN:
            return 403, {"errors": ["permission denied"]}
        if path[:2] != ["v1", "transit"] or path[-1] not in self.keys:
            return 404, {"errors": []}
        versions = self.keys[path[-1]]
        return 200, {"data": _described(versions) if method == "GET" else _signed(versions, body)}


def _described(versions: list[PrivateKey]) -> dict[str, Any]:
    kind = "ed25519" if isinstance(versions[0], Ed25519PrivateKey) else "ecdsa-p256"
    return {
        "type": kind,
        "derived": False,
        "latest_version": len(versions),
        "keys": {str(number): {"name": kind, "public_key": _public(key)} for number, key in enumerate(versions, 1)},
    }


def _public(key: PrivateKey) -> str:
    if isinstance(key, Ed25519PrivateKey):
        return base64.b64encode(key.public_key().public_bytes_raw()).decode()
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _signed(versions: list[PrivateKey], body: dict[str, Any]) -> dict[str, Any]:
    number = body.get("key_version") or len(versions)
    key, message = versions[number - 1], base64.b64decode(body["input"])
    if isinstance(key, Ed25519PrivateKey):
        signature = key.sign(message)
    else:
        assert (body["hash_algorithm"], body["marshaling_algorithm"]) == ("sha2-256", "asn1")
        signature = key.sign(message, ec.ECDSA(hashes.SHA256()))
    return {"signature": f"vault:v{number}:{base64.b64encode(signature).decode()}", "key_version": number}


@contextmanager
def running() -> Iterator[Transit]:
    transit = Transit()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def _answer(self, body: dict[str, Any]) -> None:
            path = self.path.strip("/").split("/")
            status, document = transit.answer(self.command, path, self.headers.get("x-vault-token"), body)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """The tests read the engine, not a log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    transit.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield transit
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
