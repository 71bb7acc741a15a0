"""The business rule that tells the outside about a new incident, signed as Standard Webhooks v1.

As at a real instance the body is thin (ids only) and the id is stable, so that a redelivery carries the same
id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from connectors.sandbox.clock import Clock
from connectors.sandbox.servicenow.tables import Record

TIMEOUT_S = 10
RETRY_AFTER_S = (0.5, 1, 2, 4, 8)


def signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64 HMAC-SHA256>` over `id.timestamp.body`; the secret is `whsec_<base64>`.

    Source: Standard Webhooks 1.0.0, "Signature scheme".
    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """POST and return (status, body); status 0 when nothing answered."""
    where = urlsplit(url)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.hostname or "", where.port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", where.path or "/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as lost:
        return 0, str(lost).encode()
    finally:
        connection.close()


@dataclass
class Sender:
    """`retries` more attempts follow a failed one; 0 is a plain business rule (at most once)."""

    clock: Clock
    url: str = ""
    secrets: list[str] = field(default_factory=list)
    retries: int = 0
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    sent: dict[str, Record] = field(default_factory=dict)

    def configure(self, spec: dict[str, Any]) -> None:
        """`{"url", "secret" | "secrets", "retries"}`; an empty url switches the rule off."""
        self.url = str(spec.get("url", self.url))
        self.secrets = list(spec.get("secrets", [spec["secret"]] if "secret" in spec else self.secrets))
        self.retries = int(spec.get("retries", self.retries))

    def incident_created(self, record: Record, *, tell: bool = True) -> None:
        """Asynchronous, like `executeAsync()`: the insert does not wait for the receiver."""
        self.sent[record["sys_id"]] = dict(record)
        if self.url and tell:
            threading.Thread(target=self._deliver, args=(record["sys_id"],), daemon=True).start()

    def _deliver(self, sys_id: str) -> None:
        for pause in (0, *RETRY_AFTER_S[: self.retries]):
            time.sleep(pause)
            if 200 <= self.send(sys_id)["status"] < 300:
                return

    def send(self, sys_id: str, *, secret: str = "") -> dict[str, Any]:
        """Deliver the creation of one incident (again).

        Another secret makes a forgery. Returns the delivery.
        """
        record = self.sent[sys_id]
        body = json.dumps(_event(record)).encode()
        webhook_id = f"sn_{sys_id}_{record['sys_mod_count']}"
        timestamp = int(self.clock.now())
        signed = " ".join(signature(key, webhook_id, timestamp, body) for key in ([secret] if secret else self.secrets))
        headers = {"Content-Type": "application/json", "webhook-id": webhook_id}
        headers |= {"webhook-timestamp": str(timestamp), "webhook-signature": signed}
        status, answer = post(self.url, body, headers)
        done = {"id": webhook_id, "sys_id": sys_id, "at": self.clock.now(), "status": status}
        done["answer"] = answer.decode(errors="replace")[:2000]
        self.deliveries.append(done)
        return done


def _event(record: Record) -> dict[str, Any]:
    names = ("sys_id", "number", "sys_mod_count", "sys_updated_on")
    data = {"table": "incident"} | {name: record[name] for name in names}
    return {
        "type": "servicenow.incident.created",
        "instance": "sandbox",
        "timestamp": record["sys_updated_on"],
        "data": data,
    }
