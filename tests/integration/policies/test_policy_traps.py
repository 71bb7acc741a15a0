"""Two traps of Rego, sprung in the real engine, and refused by us before the engine is asked.

Rego orders values of all types, and `null` stands below every number. A function of what is missing is undefined,
and so is its negation: a rule that denies with it never fires.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from policies import active, point
from policies.engine.protocol import Program
from policies.types import Decision, Effect, PackSource
from tests import policy_ground
from tests.policy_questions import question

PACK = """package interlock.packs.trap

grants contains {"rule": "trap.grant"} if input.action == "tool.call"

findings contains {
	"effect": "DENY",
	"code": "spent_too_much",
	"rule": "trap.spend",
	"message": "More was spent than a run may cost.",
} if {
	input.context.spend.run_micro >= 1000
}

harmless(classes) if "internal" in classes

findings contains {
	"effect": "DENY",
	"code": "not_internal",
	"rule": "trap.classes",
	"message": "Only internal data.",
} if {
	not harmless(input.resource.data_classes)
}
"""


class Watched:
    """The real engine, and how often it was asked."""

    def __init__(self) -> None:
        self.inner, self.asked = point.current(), 0

    def evaluate(self, program: Program, document: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        return self.inner.evaluate(program, document)

    def layers(self) -> Any:
        return self.inner.layers()


@pytest.fixture
def trapped(inside: SimpleNamespace, actor_of: Callable[..., Any]) -> SimpleNamespace:
    """Tenant A under a pack that holds only as long as what it reads has the right type and is there."""
    policy_ground.activate_packs(
        environment_id=inside.environment.id,
        packs={"trap": PackSource(PACK)},
        actor=actor_of(inside.alice, inside.tenant),
        reason="",
        ttl_s=None,
    )
    return inside


@pytest.fixture
def engine() -> Iterator[Watched]:
    watched = Watched()
    with point.replaced_by(watched):
        yield watched


def rich(side: SimpleNamespace, spent: Any) -> dict[str, Any]:
    document = question(side)
    document["context"]["spend"]["run_micro"] = spent
    return document


def classless(side: SimpleNamespace) -> dict[str, Any]:
    document = question(side, data_classes=["secret"])
    del document["resource"]["data_classes"]
    return document


def engine_says(side: SimpleNamespace, document: dict[str, Any]) -> str:
    """What the engine alone answers, without anybody before it who looks at types."""
    return str(point.current().evaluate(active.of(side.environment.id).program, document)["effect"])


def test_both_rules_hold_for_what_has_its_type_and_is_there(
    trapped: SimpleNamespace, ask: Callable[..., Decision]
) -> None:
    assert ask(rich(trapped, 1000)).reasons[0].code == "spent_too_much"
    assert ask(question(trapped, data_classes=["secret"])).reasons[0].code == "not_internal"
    assert ask(rich(trapped, 999)).effect is Effect.ALLOW


@pytest.mark.parametrize("spent", [None, False, True])
def test_an_amount_that_is_no_number_would_pass_every_limit_and_never_gets_there(
    trapped: SimpleNamespace, ask: Callable[..., Decision], engine: Watched, spent: Any
) -> None:
    assert engine_says(trapped, rich(trapped, spent)) == "ALLOW"
    engine.asked = 0
    refused = ask(rich(trapped, spent))
    assert (refused.effect, refused.reasons[0].code, engine.asked) == (Effect.DENY, "bad_input", 0)
    assert "run_micro" in refused.reasons[0].message


def test_a_rule_about_what_is_missing_would_not_fire_and_is_never_asked(
    trapped: SimpleNamespace, ask: Callable[..., Decision], engine: Watched
) -> None:
    assert engine_says(trapped, classless(trapped)) == "ALLOW"
    engine.asked = 0
    refused = ask(classless(trapped))
    assert (refused.effect, refused.reasons[0].code, engine.asked) == (Effect.DENY, "bad_input", 0)
