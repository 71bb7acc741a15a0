"""Periods of which events were pruned: when their time was over, too early, by nobody, or without a word."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evidence.bundling import Material
from evidence.verify import dsse, jcs, layout
from evidence.verify.dossier import Question
from evidence.verify.findings import CODES, Verdict
from evidence.verify.keyring import Key
from evidence.verify.pruning import PAYLOAD_TYPE, Pruned, Span
from evidence.verify.signing import LocalSigner
from tests.unit.evidence.corpus import Attempt, attack
from tests.unit.evidence.forge import DAY, NOW, ORIGIN, Kit, signer
from tests.unit.evidence.forge_kinds import Period

LATER = NOW + 190 * DAY
DONE: tuple[Span, ...] = ((1, 4), (5, 9))
"""The run that is over and what lies between its events; the run that goes on stays."""


@dataclass
class Thinned(Period):
    """The period half a year later: `gone` are spans of leaves whose events were pruned."""

    gone: Sequence[Span] = DONE

    @property
    def keys(self) -> tuple[Key, ...]:
        return tuple(replace(key, not_after=LATER + DAY) for key in super().keys)

    def material(self, **changes: Any) -> Material:
        shown = {"events": self.left(), "pruned": [self.listed()], "generated_at": LATER + 1000}
        return super().material(**{**shown, **changes})

    def left(self, *others: Span) -> list[bytes]:
        """The events that are on none of these lists."""
        spans = others or self.gone
        kept = [index for index in self.indices if not any(first <= index < end for first, end in spans)]
        return [self.bodies[index] for index in kept]

    def listed(self, *spans: Span, by: LocalSigner | None = None, **changes: Any) -> bytes:
        """A signed list of what was pruned: of `gone`, unless other spans are given."""
        told = replace(Pruned(ORIGIN, tuple(spans or self.gone), 183, LATER), **changes)
        return dsse.seal(PAYLOAD_TYPE, told.payload(), by or self.sealer)

    def ask(self, *known: str, at_ms: int = LATER + DAY, **changes: Any) -> Question:
        return super().ask(*known, at_ms=at_ms, **changes)


def pruned(name: str, *codes: str) -> Callable[[Callable[[], Attempt]], Callable[[], Attempt]]:
    expected = CODES[codes[0]] if codes else Verdict.VERIFIED
    return attack(f"pruned: {name}", expected, *codes)


def shown(name: str, *codes: str, **changes: Any) -> None:
    """The bundle with other material; a callable is asked with the kit."""

    def attempt() -> Attempt:
        kit = Thinned()
        made = {key: value(kit) if callable(value) else value for key, value in changes.items()}
        return kit.bundle(**made), kit.ask()

    pruned(name, *codes)(attempt)


shown("events whose time is over")
shown("in two rounds", pruned=lambda kit: [kit.listed((1, 4), at=LATER - DAY), kit.listed((5, 9))])
shown("a list that also has leaves of other periods", pruned=lambda kit: [kit.listed((0, 4), (5, 9), (40, 90))])
shown("before their time was over", "PRUNED-EARLY", pruned=lambda kit: [kit.listed(at=NOW + 182 * DAY)])
shown("kept for less than half a year", "PRUNED-EARLY", pruned=lambda kit: [kit.listed(audit_days=30)])
shown("kept for longer than they were", "PRUNED-EARLY", pruned=lambda kit: [kit.listed(audit_days=2557)])
shown("a list from the future", "TIME-FUTURE", pruned=lambda kit: [kit.listed(at=LATER + 9 * DAY)], keyring=lambda kit:
      kit.ring(keys=[replace(key, not_after=LATER + 10 * DAY) for key in kit.keys]))  # fmt: skip
shown("a list of another log", "ORIGIN", pruned=lambda kit: [kit.listed(origin="ev.test/tenant-b/itsm/1")])
shown("a list by a stranger", "DSSE-KEY", pruned=lambda kit: [kit.listed(by=signer())])
shown("a list by a key of another use", "DSSE-KEY", pruned=lambda kit: [kit.listed(by=kit.checkpointer)])
shown("an event is missing that is on no list", "COUNT", events=lambda kit: kit.left()[:-1])
shown("an event is here that is on a list", "COUNT", pruned=lambda kit: [kit.listed((1, 4), (5, 9), (10, 11))])
shown("the kept events change places", "EVENT-EDITED", "ORDER", events=lambda kit: [*kit.left()[1::-1], kit.left()[2]])
shown("a leaf is pruned twice", "SCHEMA", pruned=lambda kit: [kit.listed(), kit.listed((8, 9))])
shown("spans that touch", "SCHEMA", pruned=lambda kit: [kit.listed((1, 3), (3, 4), (5, 9))])
shown("spans out of order", "SCHEMA", pruned=lambda kit: [kit.listed((5, 9), (1, 4))])
shown("a span of nothing", "SCHEMA", pruned=lambda kit: [kit.listed((1, 4), (5, 9), (12, 12))])
shown("a list that says no number", "SCHEMA", pruned=lambda kit: [kit.listed(at=-1)])


@pruned("all events of a period")
def _() -> Attempt:
    kit = Thinned(gone=((1, 11),))
    return kit.bundle(), kit.ask()


@pruned("an auditor who asks for everything", "SKIPPED")
def _() -> Attempt:
    kit = Thinned()
    return kit.bundle(), replace(kit.ask(kit.note(kit.sizes[-1])), profile="audit")


@pruned("half of a run", "RUN-GAP", "RUN-COUNT")
def _() -> Attempt:
    kit = Thinned(begin=0, gone=((0, 4),))
    return kit.bundle(), kit.ask()


@pruned("a stranger claims the key of the lists", "DSSE-SIG")
def _() -> Attempt:
    kit = Thinned()
    strange, own = jcs.loads_object(kit.listed(by=signer())), jcs.loads_object(kit.listed())
    signature = {"keyid": own["signatures"][0]["keyid"], "sig": strange["signatures"][0]["sig"]}  # type: ignore[index,call-overload]
    return kit.bundle(pruned=[jcs.dumps({**own, "signatures": [signature]})]), kit.ask()


@pruned("the statement counts others", "COUNT")
def _() -> Attempt:
    kit = Thinned()
    return kit.claiming(pruned=3), kit.ask()


@pruned("the lists are removed", "FILE-REMOVED", "COUNT", "EVENT-EDITED")
def _() -> Attempt:
    kit = Thinned()
    return kit.repacked(kit.bundle(), lambda members: members.pop(layout.PRUNED)), kit.ask()


@pruned("the page does not say so", "REPORT-DRIFT")
def _() -> Attempt:
    kit = Thinned()
    page = layout.REPORT
    return kit.resigned(lambda members: members.update({page: members[page].replace(b"Pruned", b"Purged")})), kit.ask()


@pruned("a list in a bundle of a run", "SCHEMA")
def _() -> Attempt:
    kit = Kit()
    return kit.restated(pruned=1), kit.ask()


def said(name: str, code: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """A list whose payload says something else than a list can say."""

    def attempt() -> Attempt:
        kit = Thinned()
        payload = jcs.loads_object(dsse.parse(kit.listed(), PAYLOAD_TYPE).payload)
        return kit.bundle(pruned=[dsse.seal(PAYLOAD_TYPE, jcs.dumps(change(payload)), kit.sealer)]), kit.ask()

    pruned(name, code)(attempt)


said("a list of an unknown version", "VERSION", lambda told: {**told, "v": 2})
said("a list with a word too many", "SCHEMA", lambda told: {**told, "why": "so"})
said("a list of no spans", "SCHEMA", lambda told: {**told, "spans": []})
said("a span of three", "SCHEMA", lambda told: {**told, "spans": [[1, 4, 9]]})
said("a span that is none", "SCHEMA", lambda told: {**told, "spans": ["1-4"]})
said("a list of a log without a name", "SCHEMA", lambda told: {**told, "origin": 7})


@pruned("a list of another kind", "DSSE-FORMAT")
def _() -> Attempt:
    kit = Thinned()
    other = dsse.seal("application/json", dsse.parse(kit.listed(), PAYLOAD_TYPE).payload, kit.sealer)
    return kit.bundle(pruned=[other]), kit.ask()
