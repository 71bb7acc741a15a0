"""The stand-in vendor servers for tests: real HTTP on a free port, judged by their own ledger."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from connectors.sandbox.server import SandboxServer
from connectors.sandbox.world import World


@dataclass(frozen=True)
class StandIns:
    """`ctl` calls the control surface; `url` is the common root of all vendors."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], Any]:
        """`(status, headers in lower case, body)`; the body is parsed when it is JSON."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request(method, path, raw, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        text, seen = answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        connection.close()
        is_json = seen.get("content-type", "").startswith("application/json") and text
        return answer.status, seen, json.loads(text) if is_json else text.decode()

    def ctl(self, name: str, body: object = None, *, method: str = "POST") -> Any:
        status, _, answer = self.send(method, f"/__ctl/{name}", body)
        assert status < 300, answer
        return answer

    def ledger(self, **equal: str) -> list[dict[str, Any]]:
        return self.ctl(f"ledger?{urlencode(equal)}", method="GET")["ledger"]

    def log(self, path: str = "") -> list[dict[str, Any]]:
        return self.ctl(f"log?{urlencode({'path': path})}", method="GET")["log"]

    def incident(self, **fields: str) -> str:
        """Somebody reports an incident; its sys_id."""
        report = {"short_description": "VPN drops every few minutes", **fields}
        return self.ctl("seed", {"incidents": [report]})["incidents"][0]["sys_id"]

    def fault(self, kind: str, *, times: int = 1, args: object = None, **match: object) -> None:
        self.ctl("faults", {"kind": kind, "times": times, "args": args or {}, "match": match})


@contextmanager
def running() -> Iterator[StandIns]:
    server = SandboxServer(("127.0.0.1", 0), World())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield StandIns(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
