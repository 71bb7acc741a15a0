"""The policy room: what is active where, what was, what changed, and back again."""

from types import SimpleNamespace
from typing import Any

from django.db import transaction

from policies import packs
from policies.models import Standing
from policies.types import PackSource
from tenants import scope
from tests.deciding import decide, publish

ENVIRONMENT = "/o/a/policies/environments/{}/"
HOSTILE = "package interlock.packs.hostile\n# <script>document.title=1</script> \u202e\n"


def shown(visitor: Any, path: str) -> str:
    answer = visitor.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def seq(world: SimpleNamespace) -> int:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return Standing.objects.get(environment_id=world.a.environment.id).seq


def test_an_environment_without_a_policy_says_what_that_means(signed_in: Any, world: SimpleNamespace) -> None:
    page = shown(signed_in(world.a.bob), ENVIRONMENT.format(world.a.environment.id))
    assert "every call is denied" in page
    assert "Nothing was ever active here" in page


def test_the_history_names_people_and_reasons(signed_in: Any, world: SimpleNamespace) -> None:
    publish(world)
    page = shown(signed_in(world.a.bob), ENVIRONMENT.format(world.a.environment.id))
    assert "Alice" in page
    assert "for a test" in page
    assert "Roll back" not in page  # nothing to go back to, and bob may not


def test_two_activations_are_compared_either_way(signed_in: Any, world: SimpleNamespace) -> None:
    first = publish(world, packs.triage(channels=["C0ONE00001"]))
    second = publish(world, packs.triage(channels=["C0TWO00002"]))
    path = f"{ENVIRONMENT.format(world.a.environment.id)}compare/?before={first.pk}&after={second.pk}"
    bob = signed_in(world.a.bob)
    split, unified = shown(bob, path), shown(bob, f"{path}&view=unified")
    for page in (split, unified):
        assert "<del>" in page
        assert page.index("C0ONE00001") < page.index("C0TWO00002")
        assert "unchanged line" in page
    assert "Both say the same" in shown(bob, path.replace(str(second.pk), str(first.pk)))


def test_what_a_pack_says_is_shown_and_not_obeyed(signed_in: Any, world: SimpleNamespace) -> None:
    first, second = publish(world), publish(world, PackSource(HOSTILE), name="hostile")
    path = f"{ENVIRONMENT.format(world.a.environment.id)}compare/?before={first.pk}&after={second.pk}"
    page = shown(signed_in(world.a.bob), path)
    assert "<script>document" not in page
    assert "\u202e" not in page
    assert "⟨U+202E⟩" in page


def test_what_is_not_there_or_of_others_is_404(signed_in: Any, world: SimpleNamespace) -> None:
    first = publish(world)
    mine, other = world.a.environment.id, world.b.environment.id
    bob = signed_in(world.a.bob)
    for path in (ENVIRONMENT.format(other), f"{ENVIRONMENT.format(mine)}compare/?before={first.pk}&after={other}"):
        assert bob.get(path).status_code == 404
    assert bob.get(f"{ENVIRONMENT.format(mine)}compare/?before=x&after=y").status_code == 422
    assert signed_in(world.charlie).get(ENVIRONMENT.format(mine)).status_code == 404


def test_a_rollback_that_loosens_nothing_is_one_click(signed_in: Any, world: SimpleNamespace) -> None:
    first = publish(world)
    publish(world, packs.triage(channels=["C0TWO00002"]))
    decide(world)
    path = ENVIRONMENT.format(world.a.environment.id)
    sent = {"activation": str(first.pk), "reason": "3 AM"}
    assert signed_in(world.a.bob).post(path, sent).status_code == 403
    assert seq(world) == 2
    assert signed_in(world.a.alice).post(path, sent).status_code == 302
    assert seq(world) == 3
    assert "3 AM" in shown(signed_in(world.a.alice), path)


def test_a_rollback_that_cannot_be_shown_to_loosen_nothing_is_proposed(signed_in: Any, world: SimpleNamespace) -> None:
    first = publish(world)
    publish(world, packs.triage(channels=["C0TWO00002"]))
    alice, path = signed_in(world.a.alice), ENVIRONMENT.format(world.a.environment.id)
    refused = alice.post(path, {"activation": str(first.pk), "reason": "3 AM"})
    assert refused.status_code == 409
    assert "propose it instead" in refused.content.decode()
    assert 'value="3 AM"' in refused.content.decode()
    asked = alice.post(path, {"activation": str(first.pk), "reason": "3 AM", "action": "propose"})
    draft = shown(alice, asked.headers["Location"])
    assert "An earlier policy back" in draft
    assert "You wrote or proposed this" in draft
    assert seq(world) == 2
