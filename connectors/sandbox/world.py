"""All state of the stand-ins, and the way from a path to the vendor that answers it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from connectors.sandbox.clock import Clock
from connectors.sandbox.faults import Faults
from connectors.sandbox.ledger import Ledger, WireLog
from connectors.sandbox.llm import anthropic, openai
from connectors.sandbox.llm.model import Model
from connectors.sandbox.servicenow import schema
from connectors.sandbox.servicenow.api import TableApi
from connectors.sandbox.servicenow.oauth import OAuth
from connectors.sandbox.servicenow.pages import incident_page, incidents_page
from connectors.sandbox.servicenow.tables import Tables
from connectors.sandbox.servicenow.webhook import Sender
from connectors.sandbox.slack.api import WebApi
from connectors.sandbox.slack.courier import Courier
from connectors.sandbox.slack.lines import Lines
from connectors.sandbox.slack.pages import channels_page
from connectors.sandbox.slack.people import People
from connectors.sandbox.slack.store import Workspace
from connectors.sandbox.wire import Request, Response, page, reply

Vendor = Callable[[Request, str], Response]


class World:
    """`lock` guards the records: one request of a vendor at a time, as a database row lock would."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.model = Model(schema.GROUPS)
        self.lines = Lines()
        self.reset()

    def reset(self) -> None:
        """Everything as at the start; a trained model stays trained. Open lines are cut."""
        self.lines.cut()
        self.clock, self.faults, self.log = Clock(), Faults(), WireLog()
        self.ledger = Ledger(self.clock)
        self.tables = Tables(self.clock, self.ledger)
        self.webhook = Sender(self.clock)
        self.servicenow = TableApi(self.tables, OAuth(self.clock), self.webhook.incident_created)
        self.workspace = Workspace(self.clock)
        self.lines = Lines()
        self.slack = WebApi(self.workspace, self.ledger, self.lines)
        self.people = People(self.workspace, self.ledger, Courier(self.workspace, self.lines))
        self._take_over_labels()

    def train(self, rows: list[tuple[str, str]]) -> dict[str, Any]:
        score = self.model.train(rows)
        with self.lock:
            self._take_over_labels()
        return score

    def _take_over_labels(self) -> None:
        if self.model.score:
            self.tables.replace_categories(self.model.score["labels"])

    def vendor(self, path: str) -> tuple[Vendor, str] | None:
        """The vendor of a path and the rest of the path after its prefix."""
        first, _, rest = path.removeprefix("/").partition("/")
        found = {
            "servicenow": self._serve_servicenow,
            "slack": self._serve_slack,
            "anthropic": lambda request, tail: anthropic.serve(self.model, request, tail),
            "openai": lambda request, tail: openai.serve_openai(self.model, request, tail),
            "azure": lambda request, tail: openai.serve_azure(self.model, request, tail),
        }.get(first)
        return (found, "/" + rest) if found else None

    def _serve_servicenow(self, request: Request, path: str) -> Response:
        with self.lock:
            if path == "/":
                return page(incidents_page(self.tables))
            if path == "/report" and request.method == "POST":
                return self._reported(request.form())
            if record := self.tables.find("incident", path.removeprefix("/incident/")):
                return page(incident_page(self.tables, record))
            return self.servicenow.serve(request, path)

    def _reported(self, form: dict[str, str]) -> Response:
        """A person reports an incident on the page."""
        record = self.tables.create("incident", form, actor="abel.tuter", origin="person")
        self.webhook.incident_created(record)
        return Response(303, headers={"Location": f"/servicenow/incident/{record['sys_id']}"})

    def _serve_slack(self, request: Request, path: str) -> Response:
        with self.lock:
            if path == "/":
                return page(channels_page(self.workspace))
            if path.startswith("/response/"):
                return self.slack.respond(request, path.removeprefix("/response/"))
            if path.startswith("/api/"):
                return self.slack.serve(request, path.removeprefix("/api/"))
        return reply(404, {"ok": False, "error": "not_found"})
