"""The stand-in vendors as a process of their own, for everybody who makes HTTP calls."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from tests.bench.engine.contender import ROOT

INCIDENTS = 1000
"""Runs about one ticket void each other's decisions, as they must: that so many meet on one is not what is measured."""


@dataclass(frozen=True)
class Vendors:
    url: str

    def ctl(self, name: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/__ctl/{name}", data, {"Content-Type": "application/json"})
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def posted(self) -> int:
        """How many messages were posted, by the vendor's own ledger."""
        return len(self.ctl("ledger?vendor=slack")["ledger"])


@contextmanager
def vendors() -> Iterator[Vendors]:
    """Also tells the contenders where the vendors are, through the environment."""
    command = [sys.executable, "-m", "connectors.sandbox", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        found = Vendors(process.stdout.readline().split()[-1])
        seeded = found.ctl("seed", {"incidents": [{"short_description": "VPN drops"}] * INCIDENTS})["incidents"]
        sys_ids = [incident["sys_id"] for incident in seeded]
        found.ctl("slack/config", {"unlimited": True})
        os.environ |= {"BENCH_VENDORS": found.url, "BENCH_INCIDENTS": " ".join(sys_ids), "BENCH_INCIDENT": sys_ids[0]}
        yield found
    finally:
        process.kill()
        process.wait()
