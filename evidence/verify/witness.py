"""`interlock-witness`: follows logs for a customer, and cosigns what extends the history that it has seen.

It speaks C2SP tlog-witness (`POST /add-checkpoint`). Sealing keys change every week; a keyring signed by a root key of
the trust file names them (`POST /add-keyring`). It keeps one small file per log, needs no database and no network of
its own: put it behind TLS, on a machine that the operator of the logs cannot reach.
"""

import argparse
import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from evidence.verify import dsse, keyring, merkle, note, trust
from evidence.verify.encoding import b64, unb64
from evidence.verify.keyring import Keyring
from evidence.verify.malformed import Malformed
from evidence.verify.signing import LocalSigner

LARGEST = 256 * 1024
MOST_STEPS = 63
Answer = tuple[int, str]
EMPTY = {"size": 0, "root": b64(merkle.EMPTY_ROOT)}


class Witness:
    """The state of one witness: its key, the trust file, a keyring per scope, the last head per log."""

    def __init__(self, name: str, folder: Path, trusted: trust.Trust) -> None:
        self.name, self._folder, self._trust = name, folder, trusted
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._signer = LocalSigner(_own_key(folder / "key.pem"))

    @property
    def public(self) -> bytes:
        return self._signer.public

    def add_checkpoint(self, body: bytes) -> Answer:
        """200 and a line when the head extends what was seen; else 400, 403, 409 or 422 as the protocol says."""
        try:
            old, path, text = _request(body)
            signed = note.parse(text.encode())
        except (Malformed, ValueError):
            return 400, "not a request\n"
        if not self._is_signed(signed):
            return 403, "no key that is known here signed this\n"
        with self._lock:
            return self._advance(signed.checkpoint, old, path)

    def add_keyring(self, body: bytes) -> Answer:
        """200 when a root key of the trust file signed it and it is not older than the one that is known."""
        try:
            envelope = dsse.parse(body, keyring.PAYLOAD_TYPE)
            ring = keyring.parse(envelope.payload)
        except Malformed:
            return 400, "not a keyring\n"
        held = ((self._trust.root(kid), signature) for kid, signature in envelope.signatures)
        if not any(public and envelope.holds(public, signature) for public, signature in held):
            return 403, "no root key that is trusted here signed this\n"
        with self._lock:
            known = self._ring(ring.scope)
            if not ring.scope.startswith(self._trust.scope) or (known is not None and known.version > ring.version):
                return 403, "of another scope, or older than the one that is known here\n"
            _replace(self._file("keyring", ring.scope), body)
        return 200, ""

    def _advance(self, head: note.Checkpoint, old: int, path: Sequence[bytes]) -> Answer:
        """What was signed is remembered before it is told: a crash in between repeats the same answer."""
        file = self._file("head", head.origin)
        seen = json.loads(file.read_bytes()) if file.exists() else EMPTY
        if old != seen["size"]:
            return 409, f"{seen['size']}\n"
        root = unb64(seen["root"])
        if old > head.size or (old == head.size and root != head.root):
            return (400, "the old size is larger\n") if old > head.size else (409, f"{old}\n")
        if 0 < old < head.size and not merkle.verify_consistency(old, head.size, root, head.root, path):
            return 422, "the proof does not lead from the head that was seen\n"
        _replace(file, json.dumps({"origin": head.origin, "size": head.size, "root": b64(head.root)}).encode())
        return 200, note.cosign(head, self.name, int(time.time()), self._signer)

    def _is_signed(self, signed: note.SignedNote) -> bool:
        origin, now = signed.checkpoint.origin, time.time_ns() // 1_000_000
        ring = self._ring("/".join(origin.split("/")[:2]) + "/")
        for key in ring.of_use("checkpoint") if ring is not None else ():
            line = signed.by(origin, key.public)
            if line is not None and key.revoked_at is None and key.valid_at(now):
                return note.holds(signed, line, key.public)
        return False

    def _ring(self, scope: str) -> Keyring | None:
        file = self._file("keyring", scope)
        return keyring.parse(dsse.parse(file.read_bytes(), keyring.PAYLOAD_TYPE).payload) if file.exists() else None

    def _file(self, kind: str, name: str) -> Path:
        return self._folder / f"{kind}-{hashlib.sha256(name.encode()).hexdigest()}.json"


def serve(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """A server that is bound and not yet running."""
    verbs: dict[str, Callable[[bytes], Answer]] = {
        "/add-checkpoint": witness.add_checkpoint,
        "/add-keyring": witness.add_keyring,
    }

    class Door(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            size = self.headers.get("content-length", "")
            if self.path not in verbs or not size.isdigit() or int(size) > LARGEST:
                self._answer(404, "nothing here\n")
            else:
                self._answer(*verbs[self.path](self.rfile.read(int(size))))

        def _answer(self, status: int, text: str) -> None:
            content = text.encode()
            self.send_response(status)
            self.send_header("content-type", "text/x.tlog.size" if status == 409 else "text/plain; charset=utf-8")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Who asked and when is nobody's business."""

    return ThreadingHTTPServer((host, port), Door)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        witness = Witness(options.name, options.state, trust.parse(options.trust.read_bytes()))
    except (OSError, ValueError) as error:
        print(f"interlock-witness: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return 2
    server = serve(witness, options.host, options.port)
    print(json.dumps({"name": witness.name, "public": b64(witness.public)}), flush=True)  # noqa: T201
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("interlock-witness", description="Cosign heads that extend what was seen.")
    parser.add_argument("--name", required=True, help="name of the witness, such as witness.example")
    parser.add_argument("--trust", type=Path, required=True, help="trust file of the logs to follow")
    parser.add_argument("--state", type=Path, required=True, help="folder for the key and what was seen")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8391)
    return parser


def _request(body: bytes) -> tuple[int, list[bytes], str]:
    head, separator, text = body.decode().partition("\n\n")
    first, *steps = head.split("\n")
    word, _, size = first.partition(" ")
    if not separator or word != "old" or not size.isascii() or not size.isdigit() or len(steps) > MOST_STEPS:
        raise ValueError("old size, proof, empty line, checkpoint")
    return int(size), [unb64(step, size=32) for step in steps], text


def _own_key(path: Path) -> Ed25519PrivateKey:
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        _replace(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("the key of a witness is Ed25519")
    return key


def _replace(path: Path, content: bytes) -> None:
    """In one step, durable before it is visible; mode 0600."""
    draft = path.with_suffix(".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
