"""Around a decision: many at once, taking back, withdrawing, standing in."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from approvals import access, selections, services
from approvals.selections import Chosen
from approvals.types import Channel, State
from controlplane.console import diffs
from controlplane.console.approvals import Approval, verdict_of
from controlplane.console.diffs import Change
from controlplane.console.pages import Page
from controlplane.lib.errors import Invalid


@dataclass(frozen=True)
class Shown(Chosen):
    """One request of a selection with its diff."""

    changes: tuple[Change, ...]


class SelectionPage(Page):
    """GET with `id`s shows exactly what is decided; POST with the token that it gave decides that and nothing else."""

    template_name = "console/approval_selection.html"
    here = "approvals"

    def context(self) -> dict[str, Any]:
        return self._frozen(self.request.GET.getlist("id"))

    def act(self, request: HttpRequest) -> HttpResponseBase:
        done = selections.decide(
            token=request.POST.get("token", ""),
            actor=self.actor,
            verdict=verdict_of(request.POST.get("verdict", "")),
            reason=request.POST.get("reason", ""),
            channel=Channel.CONSOLE,
        )
        return self.also(self.template_name, {"results": done, "selection": {"chosen": done}})

    def _frozen(self, named: list[str]) -> dict[str, Any]:
        if not named:
            return {"selection": {"chosen": [], "left_out": []}}
        made = selections.freeze(request_ids=[_uuid(one) for one in named], actor=self.actor)
        shown = {"token": made.token, "digest": made.digest, "left_out": made.left_out}
        return {"selection": {**shown, "chosen": [_shown(one) for one in made.chosen]}}


class Withdraw(Approval):
    """The question is taken back by those behind it. A refusal is shown on the page of the request."""

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.to("approval", self.row_id)

    def act(self, request: HttpRequest) -> HttpResponseBase:
        services.withdraw(request_id=self.row_id, actor=self.actor, reason=request.POST.get("reason", ""))
        messages.success(request, "Withdrawn: nobody decides it any more, and nothing is sent.")
        return self.to("approval", self.row_id)


class TakeBack(Withdraw):
    """One's own yes."""

    def act(self, request: HttpRequest) -> HttpResponseBase:
        reason = request.POST.get("reason", "")
        outcome = services.take_back(request_id=self.row_id, actor=self.actor, reason=reason)
        decisive = " It was decisive, so the request is rejected." if outcome.state is State.REJECTED else ""
        messages.success(request, f"Your yes is taken back.{decisive}")
        return self.to("approval", self.row_id)


class Delegations(Page):
    template_name = "console/approval_delegations.html"
    here = "approvals"

    def context(self) -> dict[str, Any]:
        return {
            "rows": access.delegations(self.actor),
            "workspaces": access.decides_in(self.actor),
            "colleagues": access.colleagues(self.actor),
        }

    def act(self, request: HttpRequest) -> HttpResponseBase:
        workspace_id = self._workspace(request.POST.get("workspace", ""))
        row = services.delegate(
            workspace_id=workspace_id,
            stand_in_id=access.colleague(self.actor, workspace_id, request.POST.get("stand_in", "")),
            starts_at=_moment(request.POST.get("starts_at", ""), "starts_at"),
            ends_at=_moment(request.POST.get("ends_at", ""), "ends_at"),
            reason=request.POST.get("reason", ""),
            actor=self.actor,
        )
        messages.success(request, f"{row.stand_in_label} stands in for you.")
        return self.to("approval-delegations")

    def _workspace(self, slug: str) -> UUID:
        with transaction.atomic():
            found = [place.pk for place in access.decides_in(self.actor) if place.slug == slug]
        if not found:
            raise Invalid("one of the workspaces in which you decide", field="workspace")
        return found[0]


class EndDelegation(Delegations):
    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.to("approval-delegations")

    def act(self, request: HttpRequest) -> HttpResponseBase:
        services.end_delegation(delegation_id=self.row_id, actor=self.actor)
        messages.success(request, "Ended. Votes that were cast stay.")
        return self.to("approval-delegations")


def _shown(one: Chosen) -> Shown:
    changes = diffs.changes((one.display or {}).get("changes", []))
    return Shown(**{field.name: getattr(one, field.name) for field in fields(Chosen)}, changes=changes)


def _uuid(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise Invalid("an id of a request", field="id") from None


def _moment(given: str, field: str) -> datetime:
    """As a browser sends it, in UTC."""
    try:
        return datetime.fromisoformat(given).replace(tzinfo=UTC)
    except ValueError:
        raise Invalid("a date and a time", field=field) from None
