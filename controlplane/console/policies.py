"""What rules where: the environments, their history, and what changed between any two activations."""

from collections.abc import Collection, Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase

from controlplane.console import textdiff
from controlplane.console.draft_steps import OPEN
from controlplane.console.pages import PAGE, Page
from controlplane.console.querystate import Allowed
from controlplane.lib.errors import Invalid, NotFound
from policies import access, explaining, rolling
from policies.models import Activation
from tenants import access as places
from tenants.permissions import held
from tenants.roles import Perm

FEW = 10
GOES_BACK = frozenset({Perm.ACTIVATE_POLICY, Perm.OPERATE})
VIEWS = frozenset({"split", "unified"})


class Policies(Page):
    template_name = "console/policies.html"
    here = "policies"

    def context(self) -> dict[str, Any]:
        return {
            "environments": [self._active(place) for place in places.environments(self.actor)],
            **self._drafts(),
            "decisions": access.list_decisions(self.actor, limit=FEW),
        }

    def _drafts(self) -> dict[str, Any]:
        rows = [row for row in access.drafts(self.actor, limit=PAGE) if row.state in OPEN][:FEW]
        ids = {who for row in rows for who in (row.author_id, row.proposed_by_id) if who}
        return {"drafts": rows, "names": named(self, ids)}

    def _active(self, place: Any) -> dict[str, Any]:
        standing = access.active(self.actor, place.id)
        return {"place": place, "standing": standing, "doubt": access.doubt(standing) if standing else ""}


class Environment(Page):
    """The history of one environment. POST brings an earlier policy back, or asks others to where that needs them."""

    template_name = "console/policy_environment.html"
    here = "policies"

    def context(self) -> dict[str, Any]:
        place = places.environment(self.actor, self.row_id)
        standing = access.active(self.actor, place.pk)
        rows = access.activations(self.actor, place.pk)
        return {
            "place": place,
            "standing": standing,
            "doubt": access.doubt(standing) if standing else "",
            "activations": rows,
            "names": people(self, rows),
            "may_roll_back": bool(GOES_BACK & held(self.actor, place.workspace_id, place.pk)),
            "chosen": self.request.POST.get("activation", ""),
            "reason": self.request.POST.get("reason", ""),
        }

    def act(self, request: HttpRequest) -> HttpResponseBase:
        asked: dict[str, Any] = {
            "environment_id": self.row_id,
            "activation_id": uuid_of(request.POST.get("activation", ""), "activation"),
            "reason": request.POST.get("reason", ""),
            "actor": self.actor,
        }
        if request.POST.get("action") == "propose":
            return self.to("policy-draft", rolling.propose(**asked).pk)
        made = rolling.roll_back(**asked)
        messages.success(request, f"Rolled back: what it says is active again, as #{made.seq}.")
        return self.to("policy-environment", self.row_id)


class Compare(Page):
    """Any two activations of an environment, side by side or one below the other."""

    template_name = "console/policy_diff.html"
    here = "policies"
    filters: ClassVar[Allowed] = {"before": None, "after": None, "view": VIEWS}

    def context(self) -> dict[str, Any]:
        place = places.environment(self.actor, self.row_id)
        before, after = (self._activation(name) for name in ("before", "after"))
        split = self.query.first("view") != "unified"
        return {
            "place": place,
            "before": before,
            "after": after,
            "split": split,
            "other_view": self.query.with_only("view", "unified" if split else "split"),
            "diffs": textdiff.of_texts(
                explaining.texts(before.bundle), explaining.texts(after.bundle), side_by_side=split
            ),
        }

    def _activation(self, name: str) -> Activation:
        found = access.activation(self.actor, uuid_of(self.query.first(name), name))
        if found.environment_id != self.row_id:
            raise NotFound
        return found


def people(page: Page, rows: Iterable[Activation]) -> dict[str, str]:
    return named(page, {who for row in rows for who in (row.author_id, row.activated_by_id)})


def named(page: Page, ids: Collection[UUID]) -> dict[str, str]:
    """Names by id, for a template; who is not of the organisation any more has none."""
    return {str(each): name for each, name in places.names(page.actor, ids).items()}


def uuid_of(text: str, field: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(f"{field}: not an id", field=field) from None
