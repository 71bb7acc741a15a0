"""What holds on every page: accessible in both themes, reflows at 320 px, quiet under the policy."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from controlplane.lib import clock
from policies import drafting, packs
from tenants import scope, triggers
from tenants.actors import Actor
from tenants.models import HaltDrill
from tenants.triggers import Rule
from tests.asking import DISPLAY, ask
from tests.deciding import decide, person, publish
from tests.running import doubted, stopped_run
from workflows import redriving
from workflows.redriving import Selection

pytestmark = pytest.mark.browser

PAGES = [
    "/o/a/",
    "/o/a/runs/",
    "/o/a/approvals/?show=all",
    "/o/a/approvals/delegations/",
    "/o/a/reconcile/?show=all",
    "/o/a/dead-letters/",
    "/o/a/workflows/",
    "/o/a/policies/",
    "/o/a/enforcement/",
    "/o/a/policies/decisions/",
    "/o/a/connectors/",
    "/o/a/costs/",
    "/o/a/evidence/",
    "/o/a/evidence/events/",
    "/o/a/evidence/verify/",
    "/o/a/people/",
    "/o/a/people/services/",
    "/o/a/people/sign-in/",
    "/o/a/halts/",
]


def full(world: SimpleNamespace) -> list[str]:
    """Fill the pages; the addresses of all of them, those about one thing as well."""
    run, request = stopped_run(world), ask(world)
    tabs = [f"/o/a/runs/{run.id}/?tab={tab}" for tab in ("timeline", "graph", "calls", "decisions", "evidence")]
    return [
        *PAGES,
        *tabs,
        *explained(world),
        *drafted(world),
        f"/o/a/runs/{run.id}/replay/",
        f"/o/a/people/{world.a.bob.id}/",
        f"/o/a/workflows/{run.version_id}/",
        f"/o/a/workflows/{run.version_id}/try/",
        f"/o/a/approvals/{request.id}/",
        *changed_since(world),
        f"/o/a/redrives/{rehearsed(world)}/",
        f"/o/a/reconcile/{doubted(world, run).id}/",
        "/o/a/nothing/",
    ]


def changed_since(world: SimpleNamespace) -> list[str]:
    """A request about an action that has changed since, and what is asked now, for one and for several together."""
    first = ask(world)
    now = ask(world, call_id=first.call_id, action_digest="c" * 64, display={**DISPLAY, "unchanged": 3})
    return [f"/o/a/approvals/{now.id}/", f"/o/a/approvals/{first.id}/", f"/o/a/approvals/selection/?id={now.id}"]


def drafted(world: SimpleNamespace) -> list[str]:
    """A draft with something to change in it, and what there is beside it."""
    alice = person(world, "alice")
    texts = {"source": "package interlock.packs.other\n", "tests": "package x\n", "version": "1.0.0"}
    with scope.enter(world.a.tenant.id):
        begun = drafting.save(environment_id=world.a.environment.id, pack="mine", actor=alice, **texts)
        drafting.check(draft_id=begun.pk, actor=alice)
    page = f"/o/a/policies/drafts/{begun.pk}/"
    return ["/o/a/policies/drafts/", page, f"{page}changes/", f"{page}impact/"]


def explained(world: SimpleNamespace) -> list[str]:
    """A decision under a policy, the text of that policy, its environment, and what changed in it."""
    first, second = publish(world, packs.triage(channels=["C0ONE00001"])), publish(world)
    environment = f"/o/a/policies/environments/{world.a.environment.id}/"
    return [
        f"/o/a/policies/decisions/{decide(world).id}/",
        f"/o/a/policies/bundles/{second.bundle_id}/",
        environment,
        f"{environment}compare/?before={first.pk}&after={second.pk}",
        f"{environment}compare/?before={first.pk}&after={second.pk}&view=unified",
    ]


def rehearsed(world: SimpleNamespace) -> UUID:
    """A planned redrive; and rows for the kill switch page: a drill, and a rule by which it engages itself."""
    tenant_id = world.a.tenant.id
    alice = Actor("human", world.a.alice.id, tenant_id, "Alice", "session")
    with scope.enter(tenant_id):
        triggers.set_trigger(name="canary", rule=Rule(kind="canary"), actor=alice)
        with transaction.atomic():
            HaltDrill.objects.create(
                environment=world.a.environment, started_by=alice.id, started_by_label="Alice", started_at=clock.now()
            )
        selection = Selection(workspace_id=world.a.workspace.id)
        return redriving.plan(selection=selection, per_minute=60, reason="fixed", actor=alice).pk


def test_axe_finds_nothing_in_either_theme(visit: Callable, world: SimpleNamespace) -> None:
    found = axe(visit(None), ["/login/"])
    found |= axe(visit(world.a.alice), ["/o/a/", "/o/a/approvals/", "/o/a/runs/", "/o/a/dead-letters/", "/"])
    found |= axe(visit(world.a.alice), ["/o/a/evidence/keys/", "/o/a/evidence/exports/"])
    found |= axe(visit(world.a.bob), full(world))
    assert {where: said for where, said in found.items() if said} == {}


def test_axe_finds_nothing_in_the_administration(visit: Callable, world: SimpleNamespace) -> None:
    """Django's own pages: the index, and one list and one form of each of our kinds."""
    lists = ["metering/budget/", "tenants/membership/", "approvals/approvalrequest/"]
    pages = ["/o/a/admin/", *(f"/o/a/admin/{page}" for page in lists), "/o/a/admin/metering/budget/add/"]
    draft_id = drafted(world)[1].rstrip("/").rpartition("/")[2]
    pages += ["/o/a/admin/policies/draft/add/", f"/o/a/admin/policies/draft/{draft_id}/change/"]
    found = axe(visit(world.a.alice), pages)
    assert {where: said for where, said in found.items() if said} == {}


def axe(visitor: Any, paths: list[str]) -> dict[str, list[str]]:
    return {f"{path} {visitor.who}": visitor.accessibility() for path in paths if visitor.open(path)}


def test_every_page_reflows_at_320_pixels(visit: Callable, world: SimpleNamespace) -> None:
    visitor = visit(world.a.bob, width=320)
    wider = {path: visitor.widest() for path in full(world) if visitor.open(path)}
    assert {path: pixels for path, pixels in wider.items() if pixels > 0} == {}
