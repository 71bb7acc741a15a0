"""Workflows in the console: published with findings shown, read with line numbers, compared."""

from typing import Any

import pytest
from django.db import transaction

from tenants import scope
from tests import gateway_ground
from workflows import services
from workflows.models import WorkflowVersion

PAGE = "/o/a/workflows/"
CLEAN = """\
apiVersion: interlock/v1
kind: Workflow
metadata: {name: hello, version: 1.0.0}
spec:
  steps:
    - {id: tell, call: slack.message.post, with: {channel: C0ITSM, text: hello}}
"""


@pytest.fixture(autouse=True)
def manifests() -> None:
    gateway_ground.install_manifests()


def published(world: Any) -> int:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return WorkflowVersion.objects.count()


def send(browser: Any, world: Any, source: str) -> Any:
    return browser.post(PAGE, {"workspace": str(world.a.workspace.id), "source": source})


def test_a_version_is_published_and_its_lines_are_numbered(signed_in: Any, world: Any) -> None:
    alice = signed_in(world.a.alice)
    answer = send(alice, world, CLEAN.replace("\n", "\r\n"))
    assert answer.status_code == 302
    page = alice.get(answer["Location"]).content.decode()
    assert '<tr id="L6"><td class="n">6</td><td>    - {id: tell' in page
    assert published(world) == 1


def test_findings_stand_beside_their_lines_and_nothing_is_published(signed_in: Any, world: Any) -> None:
    answer = send(signed_in(world.a.alice), world, CLEAN.replace("text: hello", "text: <b>, colour: red"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Not published: 1 finding" in page
    assert '<a href="#L6">6:' in page
    assert "<code>unknown_argument</code>" in page
    assert "&lt;b&gt;" in page
    assert "<b>," not in page
    assert published(world) == 0


def test_who_may_not_publish_sees_no_form_and_is_refused(signed_in: Any, world: Any) -> None:
    dana = signed_in(world.a.dana)
    assert "Check and publish" not in dana.get(PAGE).content.decode()
    assert send(dana, world, CLEAN).status_code == 403
    assert published(world) == 0


def test_two_versions_are_compared(signed_in: Any, world: Any, actor_of: Any) -> None:
    alice = actor_of(world.a.alice, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        newer = CLEAN.replace("1.0.0", "1.1.0").replace("text: hello", "text: good day")
        first, second = (
            services.publish_version(workspace_id=world.a.workspace.id, source=source, actor=alice)
            for source in (CLEAN, newer)
        )
    page = signed_in(world.a.dana).get(f"{PAGE}{second.pk}/?against={first.pk}").content.decode()
    assert "Changed since 1.0.0" in page
    assert "<ins>    - {id: tell, call: slack.message.post, with: {channel: C0ITSM, text: good day}}</ins>" in page
    assert f'<a href="?against={first.pk}">' in page
    assert signed_in(world.a.dana).get(f"{PAGE}{second.pk}/?against=x").status_code == 422
    assert signed_in(world.charlie).get(f"{PAGE}{second.pk}/").status_code == 404
