"""The demo's hands on the stand-in vendors: people at ServiceNow and Slack, faults, and the ledger of truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

CARD_CHANNEL = "C0APPROVALS"
TEAM_CHANNEL = "C0ITSM"
HTTP, SOCKET = "http", "socket"


@dataclass(frozen=True)
class Clicked:
    """HTTP status of the platform's answers (200 also for an acknowledged envelope) and the way that the click went.

    `submitted` None when no modal was opened.
    """

    status: int
    submitted: int | None
    via: str


class Vendors:
    """A client of the stand-ins' control surface. Raises httpx2.HTTPStatusError on any refusal."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx2.Client(base_url=f"{url}/__ctl/", timeout=30, trust_env=False)

    def _ask(self, method: str, name: str, **how: Any) -> Any:
        answer = self._http.request(method, name, **how)
        answer.raise_for_status()
        return answer.json()

    def is_up(self) -> bool:
        try:
            return bool(self._ask("GET", "health")["ok"])
        except httpx2.TransportError:
            return False

    def train(self, csv_text: str) -> dict[str, Any]:
        """One half of the labelled rows is learnt; the answer names the other half by position."""
        headers = {"Content-Type": "text/csv"}
        learnt: dict[str, Any] = self._ask("POST", "train", content=csv_text.encode(), headers=headers)
        return learnt

    def connect(self, *, webhook_url: str, webhook_secret: str, slack_url: str) -> None:
        """Tell ServiceNow where its business rule posts to, and Slack where clicks go."""
        self._ask("POST", "webhook", json={"url": webhook_url, "secret": webhook_secret, "retries": 3})
        self._ask("POST", "slack/config", json={"interactivity_url": slack_url})

    def report(self, title: str, text: str, *, tell: bool = True) -> dict[str, str]:
        """Somebody reports an incident; `{"sys_id", "number"}`. `tell` false: ServiceNow sends no webhook for it."""
        incident = {"short_description": title, "description": text}
        spec = {"incidents": [incident], "tell": tell}
        made: dict[str, str] = self._ask("POST", "seed", json=spec)["incidents"][0]
        return made

    def add(self, table: str, values: dict[str, str]) -> dict[str, str]:
        """Somebody makes a record at ServiceNow by hand."""
        made: dict[str, str] = self._ask("POST", "add", json={"table": table, "values": values})["record"]
        return made

    def state(self) -> dict[str, Any]:
        """Every record of the stand-ins."""
        found: dict[str, Any] = self._ask("GET", "state")
        return found

    def redeliver(self, sys_id: str, *, secret: str = "") -> int:
        """The event once more (or, with another secret, a forgery); the HTTP status of the receiver."""
        status: int = self._ask("POST", "redeliver", json={"sys_id": sys_id, "secret": secret})["status"]
        return status

    def is_listened_to(self) -> bool:
        """Whether the platform has opened a line of Socket Mode."""
        return bool(self._ask("GET", "slack/lines")["open"])

    def click(self, *, user: str, ts: str, action_id: str, **how: str) -> Clicked:
        """A person presses a button of a card.

        `how`: `fill` is what they type into the modal that it may open, `via` the way (`http`, `socket`), `fault`
        what goes wrong on it.
        """
        spec = {"user": user, "channel": CARD_CHANNEL, "ts": ts, "action_id": action_id, "fill": "", **how}
        done = self._ask("POST", "slack/click", json=spec)
        delivery = done["delivery"]
        return Clicked(delivery["status"], done.get("submitted", {}).get("status"), delivery["via"])

    def fault(self, kind: str, *, times: int, args: dict[str, Any] | None = None, **match: Any) -> None:
        self._ask("POST", "faults", json={"kind": kind, "times": times, "args": args or {}, "match": match})

    def faults_struck(self, kind: str) -> int:
        return sum(row["struck"] for row in self._ask("GET", "faults")["faults"] if row["kind"] == kind)

    def record(self, sys_id: str) -> dict[str, str]:
        found: dict[str, str] = self._ask("GET", "state", params={"sys_id": sys_id})["record"]
        return found

    def ledger(self, since: int = 0) -> Sequence[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._ask("GET", "ledger", params={"since": since})["ledger"]
        return rows
