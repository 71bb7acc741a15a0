"""A log that goes on in a new epoch after a restore: what still holds, and what an epoch must not be used for."""

from dataclasses import dataclass, field
from typing import Any

from evidence.verify import note
from evidence.verify.findings import Verdict
from tests.unit.evidence.corpus import Attempt, attack
from tests.unit.evidence.forge import ORIGIN, Kit, Log

SECOND = f"{ORIGIN.rpartition('/')[0]}/2"
BREAK = 6
"""How many leaves the first epoch had: the run goes on behind them."""


@dataclass
class Epochs(Log):
    """Leaves before the break are of one epoch, those behind it of another; so are the heads over them."""

    before: str = ORIGIN
    after: str = SECOND
    heads: dict[int, str] = field(default_factory=dict)

    def add(self, event_hash: bytes, at_ms: int | None = None) -> int:
        self.origin = self.before if len(self.leaves) < BREAK else self.after
        return super().add(event_hash, at_ms)

    def head(self, size: int) -> note.Checkpoint:
        self.origin = self.heads.get(size, ORIGIN if size <= BREAK else SECOND)
        return super().head(size)


def told(kit: Kit, *remembered: int, **changes: Any) -> bytes:
    """The bundle of the second epoch, with proofs from the remembered sizes."""
    newest = kit.sizes[-1]
    pairs = {*zip(kit.sizes, kit.sizes[1:], strict=False), *((size, newest) for size in remembered)}
    return kit.bundle(**{"origin": SECOND, "consistency": kit.links(*sorted(pairs)), **changes})


@attack("49 a run across two epochs", Verdict.VERIFIED)
def _() -> Attempt:
    kit = Kit(log=Epochs())
    return told(kit), kit.ask()


@attack("49a a head of the first epoch is part of the second", Verdict.VERIFIED)
def _() -> Attempt:
    kit = Kit(log=Epochs())
    return told(kit, 5), kit.ask(kit.note(5))


@attack("49b a head over leaves that the restore lost", Verdict.INCOMPLETE, "MISSING-PROOF")
def _() -> Attempt:
    kit, lost = Kit(log=Epochs()), Kit()
    return told(kit, 9), kit.ask(lost.note(9, by=kit.checkpointer))


@attack("49c a head of a longer first epoch", Verdict.INCOMPLETE, "MISSING-PROOF")
def _() -> Attempt:
    kit, lost = Kit(log=Epochs()), Kit()
    lost.log.add(bytes(32))
    return told(kit), kit.ask(lost.note(len(lost.log.leaves), by=kit.checkpointer))


@attack("49d leaves whose epoch goes back", Verdict.TAMPERED, "ORDER")
def _() -> Attempt:
    kit = Kit(log=Epochs(before=SECOND, after=ORIGIN))
    kit.log.heads = dict.fromkeys(kit.sizes, SECOND)
    return told(kit), kit.ask()


@attack("49e heads whose epoch goes back", Verdict.TAMPERED, "CP-ORDER")
def _() -> Attempt:
    kit = Kit(log=Epochs())
    kit.log.heads = {kit.sizes[0]: SECOND, kit.sizes[1]: ORIGIN}
    return told(kit), kit.ask()


@attack("49f the last head is of an earlier epoch than the statement", Verdict.TAMPERED, "ORIGIN")
def _() -> Attempt:
    kit = Kit(log=Epochs())
    kit.log.heads = dict.fromkeys(kit.sizes, ORIGIN)
    return told(kit), kit.ask()


@attack("49g leaves of a later epoch than the heads over them", Verdict.TAMPERED, "CROSS-TENANT")
def _() -> Attempt:
    kit = Kit(log=Epochs())
    kit.log.heads = dict.fromkeys(kit.sizes, ORIGIN)
    return told(kit, origin=ORIGIN), kit.ask()
