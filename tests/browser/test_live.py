"""What changes without a reload, under the real policy: filters, and a run that goes on."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.db import transaction
from playwright.sync_api import expect

from tenants import scope
from tests.running import stopped_run
from workflows.models import Run

pytestmark = pytest.mark.browser


def test_a_running_run_shows_its_new_state_by_itself(visit: Callable, world: SimpleNamespace) -> None:
    run = stopped_run(world, state="RUNNING", detail="", effects=0)
    page = visit(world.a.bob).open(f"/o/a/runs/{run.id}/")
    expect(page.locator("#live .status").first).to_have_text("●running")
    page.get_by_role("link", name="Decisions").focus()
    with scope.enter(world.a.tenant.id), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(state="NEEDS_ATTENTION", detail="look at it")
    expect(page.locator("#live")).to_contain_text("A person must look", timeout=8_000)
    expect(page.get_by_role("link", name="Decisions")).to_be_focused()


def test_a_filter_acts_at_once_and_is_in_the_address(visit: Callable, world: SimpleNamespace) -> None:
    stopped_run(world)
    stopped_run(world, state="SUCCEEDED", detail="", ticket_number="INC0010002")
    page = visit(world.a.bob).open("/o/a/runs/")
    expect(page.locator("[data-row]")).to_have_count(2)
    page.get_by_label("State").select_option("SUCCEEDED")
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.locator("#runs [role=status]")).to_contain_text("1 run found")
    page.wait_for_url("**state=SUCCEEDED**")
    page.reload()
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.get_by_label("State")).to_have_value("SUCCEEDED")
    page.get_by_role("link", name="Clear the filters").click()
    expect(page.locator("[data-row]")).to_have_count(2)
    page.go_back()
    expect(page.locator("[data-row]")).to_have_count(1)


def test_reading_filtering_and_approving_work_without_scripts(
    browser, server: str, world: SimpleNamespace, session_of: Callable[[object], str]
) -> None:
    stopped_run(world)
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "sessionid", "value": session_of(world.a.bob), "url": server}])
    page = context.new_page()
    page.goto(f"{server}/o/a/runs/")
    page.get_by_label("State").select_option("SUCCEEDED")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("No run matches.")).to_be_visible()
    context.close()
