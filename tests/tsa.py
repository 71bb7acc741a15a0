"""A real time-stamping authority: `openssl ts`, over HTTP as RFC 3161 §3.4 says."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.unit.evidence.stamps import certificate_of

_CONFIGURATION = """
[tsa]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@dataclass
class Authority:
    """`down` answers 503, `lies` with a token over something else."""

    folder: Path
    url: str = ""
    down: bool = False
    lies: bool = False
    asked: int = 0
    certificate: bytes = b""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.certificate = certificate_of(key, "openssl.test")
        (self.folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        pem = subprocess.run(
            ["openssl", "x509", "-inform", "DER"], input=self.certificate, capture_output=True, check=True
        ).stdout
        (self.folder / "tsa.pem").write_bytes(pem)
        (self.folder / "serial").write_text("01\n")
        (self.folder / "tsa.cnf").write_text(_CONFIGURATION.format(folder=self.folder))

    def reply(self, query: bytes) -> bytes:
        """A TimeStampResp to a TimeStampReq."""
        with self._lock:
            self.asked += 1
            wanted = self.query(bytes(32)) if self.lies else query
            (self.folder / "query.tsq").write_bytes(wanted)
            return self._openssl("ts", "-reply", *self._as_signer(), "-queryfile", f"{self.folder}/query.tsq")

    def query(self, imprint: bytes) -> bytes:
        return self._openssl("ts", "-query", "-digest", imprint.hex(), "-sha256", "-cert")

    def _as_signer(self) -> tuple[str, ...]:
        files = ("-signer", f"{self.folder}/tsa.pem", "-inkey", f"{self.folder}/key.pem")
        return ("-config", f"{self.folder}/tsa.cnf", "-section", "tsa", *files)

    @staticmethod
    def _openssl(*arguments: str) -> bytes:
        return subprocess.run(["openssl", *arguments], capture_output=True, check=True).stdout


@contextmanager
def running(folder: Path) -> Iterator[Authority]:
    authority = Authority(folder)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["content-type"] == "application/timestamp-query"
            query = self.rfile.read(int(self.headers["content-length"]))
            content = b"" if authority.down else authority.reply(query)
            self.send_response(503 if authority.down else 200)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """The tests count the questions."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    authority.url = f"http://127.0.0.1:{server.server_address[1]}/tsr"
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
