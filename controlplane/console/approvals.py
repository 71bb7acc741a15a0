"""The queue of questions, and the page on which one is answered."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from approvals import access, services
from approvals.types import Channel, Outcome, State, Verdict
from controlplane.console import diffs
from controlplane.console.inert import inert
from controlplane.console.pages import PAGE, Page, older
from controlplane.console.stepups import Deed, ProvingPage
from controlplane.console.templatetags.console import ago, status, when
from controlplane.lib import clock
from controlplane.lib.errors import Invalid

TABS = (("mine", "Waiting for you"), ("all", "All waiting"), ("decided", "Decided"))
SEEN = "console.approval.seen"
OUTCOMES = {
    State.APPROVED: "Approved.",
    State.REJECTED: "Rejected: nothing will be written.",
    State.PENDING: "Your vote counts; it waits for another person.",
}


class Approvals(Page):
    template_name = "console/approvals.html"
    here = "approvals"
    filters = {"show": frozenset(name for name, _ in TABS)}

    def context(self) -> dict[str, Any]:
        show = self.query.first("show") or "mine"
        items = access.queue(self.actor, show, after=self.cursor, limit=PAGE)
        last = items[-1].request.id if len(items) == PAGE else None
        rows = [_row(item) for item in items]
        label = "Decided" if show == "decided" else "Expires"
        return {"tabs": TABS, "show": show, "rows": rows, "moment": label, "older": older(self.query, last)}


class Approval(ProvingPage):
    template_name = "console/approval.html"
    here = "approvals"

    def context(self) -> dict[str, Any]:
        item = access.access_request(self.actor, self.row_id)
        display = item.display or {}
        undo = display.get("undo", {})
        return {
            "item": item,
            "display": display,
            "changes": diffs.changes(display.get("changes", [])),
            "recipe": json.dumps(undo.get("recipe"), indent=2, ensure_ascii=False) if undo.get("recipe") else "",
            "earlier": [_compared(version, display) for version in item.earlier],
            "seen": signing.dumps([str(self.row_id), clock.now().isoformat()], salt=SEEN),
        }

    def deed(self) -> Deed:
        with transaction.atomic():
            asked = access.access_request(self.actor, self.row_id).request
        return Deed(asked.action_digest, asked.title, asked.workspace_id, asked.run_id)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        outcome = services.cast_vote(
            request_id=self.row_id,
            actor=self.actor,
            verdict=verdict_of(request.POST.get("verdict", "")),
            reason=request.POST.get("reason", ""),
            channel=Channel.CONSOLE,
            seen_digest=request.POST.get("seen_digest", ""),
            seen_at=seen_at(request.POST.get("seen", ""), self.row_id),
        )
        messages.success(request, told(outcome))
        return self.to("approvals")


def _row(item: access.Item) -> dict[str, Any]:
    """Plain members by name: what a template looks up in objects and decides, row by row, costs more than the rows."""
    request = item.request
    waits = request.state == State.PENDING
    return {
        "id": request.pk,
        "status": status(request.state),
        "title": inert(request.title),
        "in_place_of": item.in_place_of,
        "escalated": waits and request.escalated_at is not None,
        "ticket": request.ticket or "–",
        "tool": request.tool,
        "risk": request.risk,
        "votes": f"{item.approvals} of {request.quorum}",
        "moment": when(item.deadline if waits else request.decided_at),
        "passed": ago(item.deadline) if waits else "",
    }


def _compared(version: access.Version, display: dict[str, Any]) -> dict[str, Any]:
    """An earlier question with what differs from the one that is asked now; None where that is no longer known."""
    known = version.display is not None and bool(display)
    since = _since(version.display or {}, display) if known else None
    return {"request": version.request, "votes": version.votes, "since": since}


def _since(earlier: dict[str, Any], now: dict[str, Any]) -> tuple[diffs.Change, ...]:
    return diffs.between(_written(earlier), _written(now))[0]


def _written(display: dict[str, Any]) -> dict[str, Any]:
    """What would be written, field by field, and the target and the undo beside it."""
    undo = display.get("undo", {})
    around = {"target": display.get("target"), "undo": undo.get("summary"), "tool": display.get("tool")}
    return {**around, **{str(row["label"] or row["field"]): row["after"] for row in display.get("changes", [])}}


def verdict_of(given: str) -> Verdict:
    try:
        return Verdict(given)
    except ValueError:
        raise Invalid("say approve or reject", field="verdict") from None


def seen_at(token: str, request_id: UUID) -> datetime | None:
    """When the page that this vote came from was shown to the voter; None when it does not say so itself."""
    try:
        shown_id, at = signing.loads(token, salt=SEEN)
    except signing.BadSignature:
        return None
    return datetime.fromisoformat(at) if shown_id == str(request_id) else None


def told(outcome: Outcome) -> str:
    words = OUTCOMES.get(outcome.state, f"It is {outcome.state.lower()}.")
    return f"{words} {outcome.approvals} of {outcome.quorum} votes."
