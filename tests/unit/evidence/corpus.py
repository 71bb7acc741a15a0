"""The corpus of attacks: each case makes a bundle and a question, and says what the answer must be.

The attacker holds the bundle key and repacks container and bag, unless the case says otherwise. `codes` are all
codes of the answer. The corpus is also the source of the public vectors in tests/conformance/evidence.
"""

from collections.abc import Callable
from dataclasses import dataclass

from evidence.verify.dossier import Question
from evidence.verify.findings import Verdict
from tests.unit.evidence.forge import STEPS, Kit, chain

Attempt = tuple[bytes, Question]


@dataclass(frozen=True)
class Attack:
    name: str
    make: Callable[[], Attempt]
    verdict: Verdict
    codes: frozenset[str]


ATTACKS: list[Attack] = []


def attack(name: str, verdict: Verdict, *codes: str) -> Callable[[Callable[[], Attempt]], Callable[[], Attempt]]:
    def register(make: Callable[[], Attempt]) -> Callable[[], Attempt]:
        ATTACKS.append(Attack(name, make, verdict, frozenset(codes)))
        return make

    return register


def edited(name: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        assert old in members[name]
        members[name] = members[name].replace(old, new, 1)

    return change


def rewritten(kit: Kit, bodies: list[bytes] | None = None) -> Kit:
    """The same operator, the same keys, another past."""
    return Kit(
        bodies or chain([("run.started", {"ticket": "INC9"}), *STEPS[1:]]),
        root=kit.root,
        checkpointer=kit.checkpointer,
        sealer=kit.sealer,
    )
