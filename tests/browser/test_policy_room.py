"""The life of a policy in the browser: written badly, mended, weighed, approved by another, in force, rolled back."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from policies import simulation
from policies.models import Draft
from tenants import scope
from tests.deciding import decide, publish

pytestmark = pytest.mark.browser

RULE = "interlock.packs.quiet.note"
HEAD = "package interlock.packs.quiet\n\n"
BODY = """findings contains {
"effect": "DENY",
"code": "canned_note",
"rule": "interlock.packs.quiet.note",
"message": "A note like this <script>document.title=1</script> says nothing.",
} if {
input.resource.tool == "servicenow.incident.update"
input.resource.args.work_note == "Routed."
}

findings contains {
"effect": "DENY",
"code": "never_tested",
"rule": "interlock.packs.quiet.other",
"message": "No test reaches the body of this one.",
} if {
input.resource.tool == "no.such.tool"
input.resource.args.nothing == 1
}
"""
BAD = HEAD + BODY.replace('== "Routed."', "== ", 1)
GOOD = HEAD + BODY
TESTS = """package interlock.tests.quiet

import data.interlock.packs.quiet

canned := {"tool": "servicenow.incident.update", "args": {"work_note": NOTE}}

test_canned_note_is_denied if {
some finding in quiet.findings with input as {"resource": canned}
finding.code == "canned_note"
}
"""
OTHER_TEST = """
test_other_is_denied if {
count(quiet.findings) == 1 with input as {"resource": {"tool": "no.such.tool", "args": {"nothing": 1}}}
}
"""


def write(page: Page, label: str, text: str) -> None:
    """As a person does: into the editor, over what is there."""
    field = page.locator(".cm-content").and_(page.get_by_role("textbox", name=label))  # not the area that it replaces
    field.click()
    field.press("Control+a")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    field.press("Control+v")


def check(page: Page) -> None:
    page.get_by_role("button", name="Save and check").click()
    expect(page.get_by_role("status").filter(has_text="Checked:")).to_be_visible()


def problems(page: Page) -> Any:
    return page.get_by_role("region", name="Problems")


def weigh(world: SimpleNamespace) -> None:
    """What the worker does."""
    with scope.enter(world.a.tenant.id):
        with transaction.atomic():
            waiting = list(Draft.objects.exclude(simulation=None).values_list("simulation_id", flat=True))
        for each in waiting:
            simulation.carry_on(each)


def test_the_life_of_a_policy(visit: Callable, world: SimpleNamespace) -> None:
    publish(world)
    past = decide(world)
    alice, bob = visit(world.a.alice), visit(world.a.bob)
    page = begun(alice)
    bad_rego_is_shown_in_its_place(page)
    failing_tests_come_next(page)
    then_coverage_counts(page)
    impact_is_looked_at(page, world, past)
    the_author_proposes_and_may_not_approve(page)
    another_person_approves(bob.open(page.url.removeprefix(alice.address)))
    page.reload()
    page.get_by_role("button", name="Make it the policy of prod").click()
    expect(page.get_by_text("Active as #2.")).to_be_visible()
    the_log_explains_what_it_decides(bob, world)
    and_back_again(alice, bob, world)


def begun(alice: Any) -> Page:
    page: Page = alice.open("/o/a/policies/")
    page.get_by_role("link", name="Begin a draft").click()
    page.get_by_label("Environment").select_option(label="itsm / prod")
    page.get_by_role("combobox", name="Pack").fill("quiet")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("heading", name="quiet 1.0.0")).to_be_visible()
    return page


def bad_rego_is_shown_in_its_place(page: Page) -> None:
    write(page, "Rules", BAD)
    write(page, "Tests", TESTS.replace("NOTE", '"Other."'))
    check(page)
    link = problems(page).get_by_role("link", name="Rules (Rego) 11:")
    expect(link).to_be_visible()
    expect(problems(page)).to_contain_text("does_not_parse")
    expect(page.locator(".cm-lint-marker-error")).to_be_visible()
    link.click()
    expect(page.get_by_role("textbox", name="Rules")).to_be_focused()
    expect(page.locator(".cm-activeLine").first).to_have_text("}")


def failing_tests_come_next(page: Page) -> None:
    write(page, "Rules", GOOD)
    check(page)
    expect(problems(page)).to_contain_text("test_failed")
    expect(page.get_by_role("region", name="Tests and cases")).to_contain_text("test_canned_note_is_denied")


def then_coverage_counts(page: Page) -> None:
    tests = TESTS.replace("NOTE", '"Routed."')
    write(page, "Tests", tests)
    check(page)
    expect(problems(page)).to_contain_text("coverage_too_low")
    expect(page.get_by_role("region", name="Coverage")).to_contain_text("No test reaches line 13, lines 19–20")
    expect(page.locator(".cm-uncovered")).to_have_count(3)
    page.get_by_role("link", name="lines 19–20").click()
    expect(page.get_by_role("textbox", name="Rules")).to_be_focused()
    write(page, "Tests", tests + OTHER_TEST)
    check(page)
    expect(problems(page)).to_contain_text("Nothing to change")
    expect(page.get_by_role("region", name="Coverage")).to_contain_text("100 %")
    expect(page.get_by_role("button", name="Propose")).to_be_visible()


def impact_is_looked_at(page: Page, world: SimpleNamespace, past: Any) -> None:
    page.get_by_role("link", name="Impact", exact=True).click()
    page.get_by_label("Before (UTC)").fill("2100-01-01T00:00")
    page.get_by_role("button", name="Weigh it").click()
    expect(page.get_by_text("It is being weighed on recorded decisions.")).to_be_visible()
    weigh(world)
    tightened = page.get_by_role("region", name="Tightened: 1")
    expect(tightened).to_contain_text(f"{RULE}: canned_note")
    expect(tightened.get_by_role("link")).to_have_attribute("href", f"/o/a/policies/decisions/{past.id}/")
    expect(page.get_by_role("table").first).to_contain_text("1 stricter")


def the_author_proposes_and_may_not_approve(page: Page) -> None:
    page.get_by_role("link", name="Text", exact=True).click()
    page.get_by_label("What it is for").fill("canned notes say nothing")
    page.get_by_role("button", name="Propose").click()
    expect(page.get_by_text("You wrote or proposed this")).to_be_visible()
    expect(page.get_by_role("button", name="Approve exactly this")).to_have_count(0)


def another_person_approves(page: Page) -> None:
    expect(page.get_by_text("It waits for 1 other person.")).to_be_visible()
    page.get_by_role("button", name="Approve exactly this").click()
    expect(page.get_by_role("status").filter(has_text="Approved.")).to_be_visible()
    expect(page.get_by_text("Activating needs the permission")).to_be_visible()


def the_log_explains_what_it_decides(bob: Any, world: SimpleNamespace) -> None:
    decide(world)
    page = bob.open(f"/o/a/policies/decisions/?rule={RULE}")
    expect(page.get_by_role("row").filter(has_text="canned_note")).to_have_count(1)
    expect(page.get_by_text("<script>document.title=1</script>")).to_be_visible()
    assert page.title() != "1"
    page.locator("tbody a").first.click()
    page.get_by_role("link", name=RULE).click()
    page.wait_for_url("**module=**#L*")
    expect(page.locator("tr:target")).to_contain_text("canned_note")
    page.go_back()
    page.get_by_role("button", name="Trace it").click()
    expect(page.get_by_text("Decided again as recorded")).to_be_visible()
    expect(page.locator("tr", has_text="work_note ==").get_by_role("img", name="held")).to_be_visible()


def and_back_again(alice: Any, bob: Any, world: SimpleNamespace) -> None:
    """Going back loosens what was decided since, so it takes another person, too."""
    page = alice.open(f"/o/a/policies/environments/{world.a.environment.id}/")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="From #1 to #2")).to_be_visible()
    expect(page.locator("ins", has_text="canned_note")).to_be_visible()
    page.go_back()
    page.get_by_label("Why").fill("too strict at 3 AM")
    page.get_by_role("button", name="Roll back now").click()
    expect(page.get_by_role("alert")).to_contain_text("it loosens decisions")
    page.get_by_role("button", name="Ask another person to approve it").click()
    expect(page.get_by_role("heading", name="An earlier policy back")).to_be_visible()
    another_person_approves(bob.open(page.url.removeprefix(alice.address)))
    page.reload()
    page.get_by_role("button", name="Make it the policy of prod").click()
    expect(page.get_by_text("Active as #3.")).to_be_visible()
    decide(world)
    page = alice.open("/o/a/policies/decisions/")
    expect(page.locator("tbody tr").first).to_contain_text("write_needs_approval")


def test_the_editor_is_left_by_keyboard(visit: Callable, world: SimpleNamespace) -> None:
    publish(world)
    page = begun(visit(world.a.alice))
    field = page.get_by_role("textbox", name="Rules")
    field.click()
    page.keyboard.type("x := {")
    field.press("Enter")
    field.press("Tab")
    expect(field).to_be_focused()
    field.press("Control+a")
    field.press("Backspace")
    for _ in range(3):  # the editor waits two seconds for the Tab, which a busy machine may miss
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        if not field.evaluate("field => field === document.activeElement"):
            break
    expect(field).not_to_be_focused()


def test_without_script_a_draft_is_a_form(visit: Callable, browser: Any, world: SimpleNamespace) -> None:
    publish(world)
    visitor = visit(world.a.alice)
    address = begun(visitor).url
    context = browser.new_context(java_script_enabled=False, storage_state=visitor.page.context.storage_state())
    page = context.new_page()
    page.goto(address)
    page.get_by_label("Rules (Rego)").fill(BAD)
    page.get_by_role("button", name="Save and check").click()
    link = problems(page).get_by_role("link", name="Rules (Rego) 11:")
    page.get_by_text("Rules (Rego) with line numbers").click()
    link.click()
    expect(page.locator("tr:target")).to_contain_text("}")
    context.close()


def test_the_same_editor_stands_in_the_administration(visit: Callable, world: SimpleNamespace) -> None:
    publish(world)
    visitor = visit(world.a.alice)
    page = visitor.open("/o/a/admin/policies/draft/add/")
    page.get_by_label("Environment").select_option(label="itsm / prod")
    page.get_by_label("Pack").fill("quiet")
    write(page, "Rules", BAD)
    page.get_by_role("button", name="Save").click()
    link = page.get_by_role("link", name="quiet 11:")
    expect(page.locator(".cm-lint-marker-error")).to_be_visible()
    link.click()
    expect(page.get_by_role("textbox", name="Rules")).to_be_focused()
    page.get_by_role("link", name="What it would have decided otherwise").click()
    expect(page.get_by_role("heading", name="Impact of quiet")).to_be_visible()
