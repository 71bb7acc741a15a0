"""The examples of docs/workflows.md: all may be published, and most are run on real parts."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from policies.types import PackSource
from tenants import payloads
from tests import gateway_ground as ground
from workflows import services
from workflows.engine import sub_runs
from workflows.models import Run, Step

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "workflows.md").read_text(encoding="utf-8")
EXAMPLES = [block for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) if block.startswith("apiVersion")]
LENIENT = """\
package interlock.packs.docs

grants contains {"rule": "docs", "carries": ["personal"]} if {
	input.action in {"workflow.start", "tool.call"}
}
"""


class Shelf:
    """Every example published, under a policy that allows what they do."""

    def __init__(self, floor: Any) -> None:
        self.floor = floor
        for source in EXAMPLES:
            services.publish_version(workspace_id=floor.side.workspace.id, source=source, actor=floor.alice)

    def run(self, workflow: str, **trigger: Any) -> Run:
        return self.drive(self.floor.start(trigger, workflow=workflow))

    def drive(self, run: Run) -> Run:
        """Wake it and its sub-runs until nothing moves."""
        for _ in range(6):
            with transaction.atomic():
                open_runs = list(Run.objects.filter(closed_at=None).order_by("-id").values_list("pk", flat=True))
            moved = [self.floor.engine.wake(run_id) for run_id in open_runs]
            if not sub_runs.catch_up() and not any(moved):
                break
        return self.floor.seen(run)

    def handed_back(self, run: Run) -> Any:
        assert run.state == "SUCCEEDED", self.floor.story(run)
        with transaction.atomic():
            return payloads.get_json(Run.objects.get(pk=run.pk).output_digest)


@pytest.fixture
def shelf(unruled: Any) -> Shelf:
    ground.publish(unruled.side, unruled.alice, docs=PackSource(LENIENT))
    return Shelf(unruled)


def test_every_example_may_be_published(shelf: Shelf) -> None:
    assert len(EXAMPLES) >= 10


def test_every_code_is_explained() -> None:
    corpus = (ROOT / "tests" / "unit" / "workflows" / "lint_corpus").glob("*.findings")
    codes = {line.split(" ")[1].rstrip(":") for path in corpus for line in path.read_text().splitlines()}
    table = TEXT[TEXT.index("## What is refused") :]
    assert codes <= set(re.findall(r"`([a-z_]+)`", table))


def test_branches_run_side_by_side_and_meet(shelf: Shelf) -> None:
    run = shelf.run("two-branches", **shelf.floor.incident(short_description="VPN down"))
    given = shelf.handed_back(run)
    assert given["same"] is True
    assert len(set(given["posts"])) == 2
    assert run.effects == 2


def test_a_loop_tells_everybody_in_order(shelf: Shelf) -> None:
    run = shelf.run("tell-everybody", people=[{"name": name} for name in ("Ada", "Bo", "Cy")])
    assert len(shelf.handed_back(run)["posts"]) == 3
    assert [shelf.floor.states(run)[f"tell[{n}]"] for n in range(3)] == ["SUCCEEDED"] * 3


def test_a_sub_run_hands_its_line_to_the_parent(shelf: Shelf) -> None:
    run = shelf.run("describe-and-tell", sys_id=shelf.floor.incident(urgency="1")["sys_id"])
    assert shelf.handed_back(run)["said"].endswith(" is urgent")


def test_a_timer_waits_and_then_the_team_is_told(shelf: Shelf) -> None:
    run = shelf.run("remind-later")
    assert (run.state, run.waits_for) == ("WAITING", "timer")
    shelf.floor.due(run)
    assert shelf.drive(run).state == "SUCCEEDED"
    assert run.deadline_at is not None


@pytest.mark.parametrize(("urgency", "state"), [("1", "SUCCEEDED"), ("3", "SKIPPED")])
def test_a_condition_decides(shelf: Shelf, urgency: str, state: str) -> None:
    run = shelf.run("only-if-urgent", **shelf.floor.incident(urgency=urgency))
    assert (shelf.handed_back(run)["told"] == "") is (state == "SKIPPED")
    assert shelf.floor.states(run)["tell"] == state


def test_an_approval_that_the_workflow_insists_on_is_waited_for(shelf: Shelf) -> None:
    run = shelf.run("careful-note")
    assert (run.state, run.waits_for) == ("WAITING", "approval"), shelf.floor.story(run)
    shelf.floor.vote(run, "tell")
    assert shelf.drive(run).state == "SUCCEEDED"


def test_a_model_answers_by_the_schema_that_it_was_asked_with(shelf: Shelf) -> None:
    run = shelf.run("propose-category", **shelf.floor.incident(short_description="VPN drops every minute"))
    assert shelf.handed_back(run)["category"]


def test_tools_are_pinned_in_what_is_kept(shelf: Shelf) -> None:
    run = shelf.run("hello")
    with transaction.atomic():
        assert run.version.document["spec"]["steps"][0]["call"] == "slack.message.post@1.0.0"
        assert Step.objects.get(run=run).state == "SUCCEEDED"
