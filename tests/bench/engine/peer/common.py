"""What all peers share: where things are, and how they are told what to do.

`python -m peer NAME prepare | worker | client`. A worker signals `ready` and waits for the gate file before it
takes work. A client reads a number of workflows per line and answers with one line when they are committed.
"""

import base64
import os
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

DSN = os.environ.get("BENCH_DSN", "")
WORK = os.environ.get("BENCH_WORK", "noop")
STEPS = 5
_local = threading.local()


def pause_at_gate() -> None:
    """Everything is imported and connected; the measurement starts when the gate opens."""
    Path(os.environ["BENCH_READY"]).touch()
    gate = Path(os.environ["BENCH_GATE"])
    while not gate.exists():
        time.sleep(0.002)


def serve(submit: Callable[[int], None]) -> None:
    for line in sys.stdin:
        submit(int(line))
        sys.stdout.write("done\n")
        sys.stdout.flush()


def incident() -> int:
    """The read of work (b): GET one incident, over a connection that is kept per thread."""
    token = base64.b64encode(os.environ["BENCH_SERVICENOW"].encode()).decode()
    path = f"/servicenow/api/now/table/incident/{os.environ['BENCH_INCIDENT']}"
    return _request("GET", path, {"Authorization": f"Basic {token}", "Accept": "application/json"})


def message() -> int:
    """The write of work (b): post one message."""
    headers = {"Authorization": f"Bearer {os.environ['BENCH_SLACK']}"}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return _request("POST", "/slack/api/chat.postMessage", headers, b"channel=C0ITSM&text=A+ticket+was+routed.")


def _request(method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> int:
    if not hasattr(_local, "connection"):
        where = urlsplit(os.environ["BENCH_VENDORS"])
        _local.connection = HTTPConnection(where.hostname or "", where.port, timeout=20)
    _local.connection.request(method, path, body, headers)
    answer = _local.connection.getresponse()
    content = answer.read()
    if answer.status != 200 or b'"ok": false' in content:
        raise RuntimeError(f"{method} {path}: {answer.status}")
    return len(content)
