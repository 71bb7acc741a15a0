"""The chain of a run: it counts up, each event names its predecessor, seals fit what they seal."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from evidence.verify import jcs, layout, merkle
from evidence.verify.dossier import Dossier
from evidence.verify.envelope import Event

RUN_SEALED = "run.sealed"


def check_chain(dossier: Dossier, events: Sequence[tuple[int, Event]], *, from_start: bool) -> None:
    """`events` of one run with their lines. Unless `from_start`, earlier ones may lie before what is shown."""
    expected = 1 if from_start or not events else max(1, events[0][1].seq)
    previous: Event | None = None
    for line, event in events:
        _check_link(dossier, event, previous, expected, f"{layout.EVENTS}:{line}")
        previous, expected = event, event.seq + 1
    if from_start or (events and events[0][1].seq == 1):
        _check_seals(dossier, events)


def runs_of(events: Iterable[Event]) -> dict[str, list[tuple[int, Event]]]:
    """The events of each run with their lines, in the order of the log; events of no run are left out."""
    runs: dict[str, list[tuple[int, Event]]] = defaultdict(list)
    for line, event in enumerate(events, start=1):
        if event.run:
            runs[event.run].append((line, event))
    return runs


def _check_link(dossier: Dossier, event: Event, previous: Event | None, expected: int, where: str) -> None:
    if event.seq < expected:
        dossier.fail("ORDER", where, f"event {event.seq} of the run stands where {expected} should")
    elif event.seq > expected:
        dossier.fail("RUN-GAP", where, f"events {expected} to {event.seq - 1} of the run are not here")
    elif previous is not None and event.prev != previous.hash.hex():
        dossier.fail("RUN-CHAIN", where, f"event {event.seq} names another predecessor")


def _check_seals(dossier: Dossier, events: Sequence[tuple[int, Event]]) -> None:
    for place, (line, event) in enumerate(events):
        if event.type == RUN_SEALED:
            _check_seal(dossier, event, [one for _, one in events[:place]], f"{layout.EVENTS}:{line}")


def _check_seal(dossier: Dossier, event: Event, earlier: Sequence[Event], where: str) -> None:
    count = event.data.get("count", 0)
    if not jcs.is_whole(count) or count != len(earlier):
        dossier.fail("RUN-COUNT", where, f"the seal counts {jcs.shown(count)} events, {len(earlier)} are here")
    elif event.data.get("root") != merkle.root_of([merkle.leaf_hash(one.hash) for one in earlier]).hex():
        dossier.fail("RUN-ROOT", where, "the seal is over other events")
