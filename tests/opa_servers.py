"""OPA servers for tests: the real program where there is one, else a double that speaks its wire.

`make opa` builds the real one where Go exists. Both pull their bundle over HTTP, check its signature and answer
`POST /v1/data/…`; the double evaluates with the same engine as a library and checks with the verifier below.
"""

import base64
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2 as httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from policies.engine.process import EvaluatorProcess, Refusal
from tests.ground import ROOT
from tests.site import free_port

START_S = 15.0


def program() -> str | None:
    """The path of a real `opa`, or None."""
    built = ROOT / "build" / "bin" / "opa"
    return os.environ.get("INTERLOCK_OPA") or (str(built) if built.exists() else shutil.which("opa"))


def configuration(*, service: str, token: str, environment: str, kid: str, public_pem: str) -> dict[str, Any]:
    """What an operator writes for an OPA server of ours (docs/policies.md), polling once a second."""
    polling = {"min_delay_seconds": 1, "max_delay_seconds": 1}
    return {
        "services": {"interlock": {"url": service, "credentials": {"bearer": {"token": token}}}},
        "keys": {kid: {"algorithm": "ES256", "scope": "policy", "key": public_pem}},
        "bundles": {
            environment: {
                "service": "interlock",
                "resource": "bundle.tar.gz",
                "persist": False,
                "polling": polling,
                "signing": {"keyid": kid, "scope": "policy"},
            }
        },
        "decision_logs": {"service": "interlock", "reporting": polling},
        "status": {"service": "interlock"},
    }


class RealOpa:
    """`opa run --server` with a configuration, in a folder of its own."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "opa.json").write_text(json.dumps(settings))
        self.log = folder / "opa.log"
        command = [str(program()), "run", "--server", "--addr", f"127.0.0.1:{self.port}", "--disable-telemetry"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--config-file", str(folder / "opa.json")], cwd=folder, stdout=log, stderr=log
            )

    def status(self) -> dict[str, Any]:
        """What it says about its bundles, by name; {} before it answers."""
        try:
            answer = httpx.get(f"{self.url}/v1/status", timeout=2)
        except httpx.TransportError:
            return {}
        found: dict[str, Any] = answer.json().get("result", {}).get("bundles", {}) if answer.is_success else {}
        return found

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


class DoubleOpa:
    """The same from outside, for machines without Go: pulls, verifies, evaluates, answers."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        (self.name, self._bundle), *_ = settings["bundles"].items()
        self._service = settings["services"]["interlock"]
        key = settings["keys"][self._bundle["signing"]["keyid"]]["key"]
        self._key = serialization.load_pem_public_key(key.encode())
        self._evaluator, self._turn = EvaluatorProcess(), threading.Lock()
        self._active: dict[str, Any] = {"active_revision": ""}
        self._etag = ""
        self._stopped = threading.Event()
        self._server = _serve(self._answer)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._poll, daemon=True).start()

    def status(self) -> dict[str, Any]:
        return {self.name: self._active}

    def stop(self) -> None:
        self._stopped.set()
        _stop(self._server)
        self._evaluator.kill()

    def _poll(self) -> None:
        while not self._stopped.wait(0.2):
            try:
                self._pull()
            except (httpx.TransportError, Tampered, Refusal) as error:
                self._active = {**self._active, "code": "bundle_error", "message": str(error)}

    def _pull(self) -> None:
        token = self._service["credentials"]["bearer"]["token"]
        headers = {"Authorization": f"Bearer {token}", "If-None-Match": self._etag, "Prefer": "modes=snapshot,delta"}
        answer = httpx.get(f"{self._service['url']}/{self._bundle['resource']}", headers=headers)
        if answer.status_code != 200:
            return
        files = verified(answer.content, key=self._key, scope=self._bundle["signing"]["scope"])
        manifest = json.loads(files.pop(".manifest"))
        data = {"interlock": json.loads(files.pop("interlock/data.json"))}
        modules = {name: body.decode() for name, body in files.items()}
        load = {"verb": "load", "key": "active", "modules": modules, "data": data}
        with self._turn:
            self._evaluator.ask({**load, "entrypoint": "interlock.main.decision"}, deadline_s=5)
        self._etag = answer.headers.get("ETag", "")
        self._active = {"active_revision": manifest["revision"]}

    def _answer(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if not path.startswith("/v1/data/interlock/main/decision?"):
            return 404, {}
        question = {"verb": "evaluate", "key": "active", "entrypoint": "interlock.main.decision"}
        with self._turn:
            result = self._evaluator.ask({**question, "document": json.loads(body)["input"]}, deadline_s=5)
        bundles = {self.name: {"revision": self._active["active_revision"]}}
        return 200, {"result": result, "provenance": {"bundles": bundles}}


def start(folder: Path, settings: dict[str, Any]) -> RealOpa | DoubleOpa:
    return RealOpa(folder, settings) if program() else DoubleOpa(folder, settings)


def until(condition: Callable[[], Any], what: str, seconds: float = START_S) -> Any:
    """The first true value of the condition; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found


class Stub:
    """An HTTP server that answers every POST as told: `(status, headers, body)`, after `wait_s`, `drip` by drip."""

    def __init__(self) -> None:
        self.answer: Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]] = lambda _: (200, {}, b"{}")
        self.bundle = b""
        self.seen: list[dict[str, str]] = []
        self.wait_s = 0.0
        self.drip_s = 0.0
        self._server = _serve_raw(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        _stop(self._server)


def _serve_raw(stub: Stub) -> ThreadingHTTPServer:
    class Told(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, {"ETag": f'"{hashlib.sha256(stub.bundle).hexdigest()}"'}, stub.bundle)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
            stub.seen.append({"path": self.path, **dict(self.headers)})
            time.sleep(stub.wait_s)
            self._send(*stub.answer(json.loads(body) if body else {}))

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked has given up
                for byte in [body[i : i + 1] for i in range(len(body))] if stub.drip_s else [body]:
                    time.sleep(stub.drip_s)
                    self.wfile.write(byte)
                    self.wfile.flush()

        def log_message(self, *_: object) -> None:
            return

    return _running(Told)


def _serve(answer: Callable[[str, bytes], tuple[int, dict[str, Any]]]) -> ThreadingHTTPServer:
    class Speaking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, document = answer(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    return _running(Speaking)


def _stop(server: ThreadingHTTPServer) -> None:
    server.shutdown()
    server.server_close()


def _running(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


# --- a verifier of signed bundles, written from OPA's documentation and nothing of ours ---------------------------


class Tampered(Exception):
    """The bundle is not what its signature says."""


def verified(content: bytes, *, key: Any, scope: str) -> dict[str, bytes]:
    """The files of a bundle, `.signatures.json` aside, if one ES256 signature names exactly them.

    Source: openpolicyagent.org, Bundles, “Signing” and “Signature Format”.
    """
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as archive:
        files = {m.name.removeprefix("/"): _body(archive, m) for m in archive.getmembers()}
    signatures = json.loads(files.pop(".signatures.json", b"{}")).get("signatures", [])
    if len(signatures) != 1:
        raise Tampered("not exactly one signature")
    payload = _payload(signatures[0], key)
    if payload.get("scope", "") != scope:
        raise Tampered("another scope")
    listed = {entry["name"]: (entry["algorithm"], entry["hash"]) for entry in payload["files"]}
    if listed != {name: ("SHA-256", hashlib.sha256(_hashed(name, body)).hexdigest()) for name, body in files.items()}:
        raise Tampered("other files than those that were signed")
    return files


def _body(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    reader = archive.extractfile(member)
    if reader is None:
        raise Tampered("not a regular file")
    return reader.read()


def _payload(token: str, key: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    header, payload, signature = token.split(".")
    raw = _unbase64(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    if json.loads(_unbase64(header))["alg"] != "ES256":
        raise Tampered("another algorithm")
    try:
        key.verify(der, f"{header}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise Tampered("the signature does not fit") from error
    found: dict[str, Any] = json.loads(_unbase64(payload))
    return found


def _hashed(name: str, body: bytes) -> bytes:
    """Structured files are hashed in a canonical form, all others as they are."""
    if name.rpartition("/")[2] not in {"data.json", ".manifest"}:
        return body
    text = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()


def _unbase64(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
