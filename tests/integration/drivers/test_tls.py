"""TLS of the base transport: the name is verified although the connection goes to a pinned address."""

import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors import transport, transport_lines
from connectors.errors import NothingSent
from connectors.transport import Transport
from connectors.types import CallContext, Instance
from controlplane.lib import clock


class Hello(BaseHTTPRequestHandler):
    hosts: list[str] = []

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *args: object) -> None:
        """A client that does not trust us hangs up during the handshake: that is what is tested."""


def certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(clock.now() - timedelta(days=1))
        .not_valid_after(clock.now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{name}.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(secret + built.public_bytes(serialization.Encoding.PEM))
    return pem


@pytest.fixture
def pem(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return certificate(tmp_path, request.param)


@pytest.fixture
def url(pem: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = Server(("127.0.0.1", 0), Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    Hello.hosts.clear()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def trusted(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_lines, "_tls", lambda: ssl.create_default_context(cafile=str(pem)))


def get(url: str) -> transport.Reply:
    context = CallContext(Instance("x", "x", url, allow_loopback=True), {}, "", clock.monotonic() + 3, lambda: None)
    return Transport(context).send("GET", f"{url}/", headers={})


@pytest.mark.parametrize("pem", ["localhost"], indirect=True)
@pytest.mark.usefixtures("trusted")
def test_a_trusted_certificate_for_the_name_is_accepted(url: str) -> None:
    assert get(url).status == 200
    assert Hello.hosts == [url.removeprefix("https://")]


@pytest.mark.parametrize("pem", ["elsewhere.test"], indirect=True)
@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name_gets_nothing(url: str) -> None:
    with pytest.raises(NothingSent, match="connect_failed"):
        get(url)
    assert Hello.hosts == []


@pytest.mark.parametrize("pem", ["localhost"], indirect=True)
def test_a_certificate_that_nobody_vouches_for_gets_nothing(url: str) -> None:
    with pytest.raises(NothingSent, match="connect_failed"):
        get(url)
    assert Hello.hosts == []
