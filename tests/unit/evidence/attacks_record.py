"""Attacks on events, leaves, history, time and governance."""

from evidence.verify import jcs, layout
from evidence.verify.envelope import event_hash, parse_leaf
from evidence.verify.findings import Verdict
from tests.unit.evidence.corpus import Attempt, attack, edited, rewritten
from tests.unit.evidence.forge import NOW, ORIGIN, STEPS, Kit, Log, body, chain, root_over, signer

# --- events and leaves ---------------------------------------------------------------------------------------


@attack(
    "01 an event is edited in the file",
    Verdict.TAMPERED,
    "FILE-DIGEST",
    "EVENT-EDITED",
    "RUN-CHAIN",
    "RUN-ROOT",
    "REPORT-DRIFT",
)
def _() -> Attempt:
    kit = Kit()
    return kit.unsigned(edited(layout.EVENTS, b'"step":"write"', b'"step":"wrote"')), kit.ask()


@attack("02 an insider edits an event and signs again", Verdict.TAMPERED, "EVENT-EDITED", "RUN-CHAIN", "RUN-ROOT")
def _() -> Attempt:
    kit = Kit()
    bodies = [one.replace(b'"step":"write"', b'"step":"wrote"') for one in kit.bodies]
    return kit.bundle(events=bodies), kit.ask()


@attack("03 a middle event is left out", Verdict.INCOMPLETE, "RUN-GAP", "RUN-COUNT")
def _() -> Attempt:
    kit = Kit()
    return kit.only(0, 1, 3, 4), kit.ask()


@attack("04 the tail is cut off", Verdict.INCOMPLETE, "RUN-OPEN")
def _() -> Attempt:
    kit = Kit()
    return kit.only(0, 1, 2), kit.ask()


@attack("05 the first event is left out", Verdict.INCOMPLETE, "RUN-GAP", "RUN-COUNT")
def _() -> Attempt:
    kit = Kit()
    return kit.only(1, 2, 3, 4), kit.ask()


@attack("06 events and leaves are reordered", Verdict.TAMPERED, "ORDER", "RUN-GAP", "TIME-BACKWARDS", "RUN-ROOT")
def _() -> Attempt:
    kit = Kit()
    return kit.only(0, 2, 1, 3, 4), kit.ask()


@attack("07 bodies are swapped under their leaves", Verdict.TAMPERED, "EVENT-EDITED", "ORDER", "RUN-GAP", "RUN-ROOT")
def _() -> Attempt:
    kit = Kit()
    swapped = [kit.bodies[position] for position in (0, 2, 1, 3, 4)]
    return kit.bundle(events=swapped), kit.ask()


@attack("08 an event stands twice", Verdict.TAMPERED, "ORDER", "DUP-EVENT", "RUN-COUNT")
def _() -> Attempt:
    kit = Kit()
    return kit.only(0, 1, 1, 2, 3, 4), kit.ask()


@attack("09 a forged event is slipped in with a leaf of its own", Verdict.TAMPERED, "INCLUSION")
def _() -> Attempt:
    kit, other = Kit(), Kit(chain([*STEPS[:3], ("test.noted", {"step": "forged"})]))
    return kit.bundle(events=other.bodies, leaves=[other.log.leaves[index] for index in other.indices]), kit.ask()


@attack("57 a valid proof is attached to another event", Verdict.TAMPERED, "EVENT-EDITED")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(events=chain([("run.started", {"ticket": "INC2"}), *STEPS[1:]])), kit.ask()


@attack("15 events of another tenant under our checkpoint", Verdict.TAMPERED, "CROSS-TENANT")
def _() -> Attempt:
    kit = Kit(chain(STEPS, origin="ev.test/tenant-b/itsm/1"))
    return kit.bundle(), kit.ask()


@attack("16 another run is relabelled", Verdict.TAMPERED, "RUN-ID")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(run="run-2"), kit.ask()


@attack("a seal over other events", Verdict.TAMPERED, "RUN-ROOT")
def _() -> Attempt:
    bodies = chain(STEPS)[:-1]
    sealed = {"count": 4, "root": root_over(bodies[:3])}
    kit = Kit([*bodies, body(5, event_hash(bodies[-1]), sealed, type="run.sealed")])
    return kit.bundle(), kit.ask()


@attack("an event that names another predecessor", Verdict.TAMPERED, "RUN-CHAIN")
def _() -> Attempt:
    bodies = chain(STEPS)[:-1]
    kit = Kit([*bodies, body(5, b"x" * 32, {"count": 4, "root": root_over(bodies)}, type="run.sealed")])
    return kit.bundle(), kit.ask()


@attack("fewer events than the statement claims", Verdict.TAMPERED, "COUNT")
def _() -> Attempt:
    kit = Kit()
    return kit.claiming(events=6), kit.ask()


@attack("leaves that are linked wrongly", Verdict.TAMPERED, "CHAIN")
def _() -> Attempt:
    kit = Kit()
    forged = Log()
    for index, leaf in enumerate(kit.log.leaves):
        members = jcs.loads_object(leaf)
        forged.leaves.append(jcs.dumps({**members, "p": "00" * 32}) if index == kit.indices[-1] else leaf)
    kit.log = forged
    return kit.bundle(), kit.ask()


# --- history ---------------------------------------------------------------------------------------------------


@attack("11 a shorter history, and the auditor remembers a head", Verdict.INCOMPLETE, "STALE")
def _() -> Attempt:
    kit = Kit()
    longer = rewritten(kit)
    longer.log.add(b"y" * 32)
    return kit.bundle(), kit.ask(longer.note(len(longer.log.leaves)))


@attack("11b a longer history that claims to extend the remembered head", Verdict.TAMPERED, "CONSISTENCY")
def _() -> Attempt:
    kit = Kit()
    forged = rewritten(kit)
    size = kit.sizes[-1] - 1
    links = {**forged.material().consistency, **forged.links((size, forged.sizes[-1]))}
    return forged.bundle(consistency=links), kit.ask(kit.note(size))


@attack("11c all keys, nothing remembered: the known limit, said as A1", Verdict.VERIFIED)
def _() -> Attempt:
    kit = Kit()
    return rewritten(kit).bundle(), kit.ask()


@attack("12 two heads of one size, both signed", Verdict.EQUIVOCATION, "EQUIVOCATION")
def _() -> Attempt:
    kit = Kit()
    return rewritten(kit).bundle(), kit.ask(kit.note(kit.sizes[-1]))


@attack("12b a head of the same size that nobody signed", Verdict.TAMPERED, "CONSISTENCY")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(), kit.ask(rewritten(kit).note(kit.sizes[-1], signer()))


@attack("13 history rewritten before an older checkpoint", Verdict.TAMPERED, "CONSISTENCY")
def _() -> Attempt:
    kit = Kit()
    forged = rewritten(kit)
    return forged.bundle(notes=[kit.note(kit.sizes[0]), *forged.material().notes[1:]]), kit.ask()


@attack("29 checkpoints backwards", Verdict.TAMPERED, "CP-ORDER", "INCLUSION")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(notes=[kit.note(size) for size in reversed(kit.sizes)]), kit.ask()


@attack("11d a new epoch to get rid of the remembered head", Verdict.INCOMPLETE, "MISSING-PROOF")
def _() -> Attempt:
    kit = Kit()
    kit.log.origin = f"{ORIGIN.rpartition('/')[0]}/0"
    return Kit(root=kit.root).bundle(), kit.ask(checkpoints=(kit.note(5),))


@attack("a remembered head of another log", Verdict.INCOMPLETE, "MISSING-PROOF")
def _() -> Attempt:
    kit = Kit()
    kit.log.origin = ORIGIN.replace("itsm", "hr")
    remembered = kit.note(5)
    kit.log.origin = ORIGIN
    return kit.bundle(), kit.ask(remembered)


@attack("a remembered head without a proof", Verdict.INCOMPLETE, "MISSING-PROOF")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(), kit.ask(kit.note(kit.sizes[-1] - 1))


@attack("the last checkpoint is not the claimed one", Verdict.TAMPERED, "COUNT")
def _() -> Attempt:
    kit = Kit()
    return kit.claiming(size=kit.sizes[-1] + 1), kit.ask()


# --- time ------------------------------------------------------------------------------------------------------


@attack("30 a log from the future", Verdict.UNTRUSTED, "TIME-FUTURE")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(), kit.ask(at_ms=NOW - 10 * 60 * 1000)


@attack("31 a later leaf with an earlier time", Verdict.TAMPERED, "TIME-BACKWARDS")
def _() -> Attempt:
    kit = Kit()
    log = Log()
    for index, leaf in enumerate(kit.log.leaves):
        log.add(parse_leaf(leaf).event_hash, NOW + 10 - index)
    kit.log = log
    return kit.bundle(), kit.ask()


@attack("32 a worker's clock two hours off", Verdict.INCOMPLETE, "CLOCK-SKEW")
def _() -> Attempt:
    kit = Kit(chain(STEPS, time=NOW + 2 * 3600 * 1000))
    return kit.bundle(), kit.ask()


# --- one thing wrong, and nothing else -------------------------------------------------------------------------


@attack("a file that nobody reads is edited", Verdict.TAMPERED, "FILE-DIGEST")
def _() -> Attempt:
    kit = Kit()
    return kit.unsigned(edited(layout.VERIFY, b"Exit code 0", b"Any exit code")), kit.ask()


@attack("a seal that counts wrongly", Verdict.INCOMPLETE, "RUN-COUNT")
def _() -> Attempt:
    bodies = chain(STEPS)[:-1]
    sealed = {"count": 5, "root": root_over(bodies)}
    kit = Kit([*bodies, body(5, event_hash(bodies[-1]), sealed, type="run.sealed")])
    return kit.bundle(), kit.ask()


@attack("two events under one name", Verdict.TAMPERED, "DUP-EVENT")
def _() -> Attempt:
    kit = Kit(chain([STEPS[0], ("test.noted", {}), ("test.noted", {}, {"id": "event-2"})]))
    return kit.bundle(disclosures=[]), kit.ask()


@attack("the log has the events in another order than the run", Verdict.TAMPERED, "ORDER")
def _() -> Attempt:
    kit = Kit()
    log = Log()
    for place in (0, 2, 1, 3, 4):
        log.add(event_hash(kit.bodies[place]), NOW)
    kit.log, kit.indices, kit.sizes = log, [0, 2, 1, 3, 4], (5,)
    return kit.bundle(), kit.ask()


@attack("the trust is for a part of what the keys speak for", Verdict.UNTRUSTED, "KEY-SCOPE")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(), kit.ask(scope=f"{ORIGIN.rpartition('/')[0]}/")


@attack("29b an older checkpoint behind a newer one", Verdict.TAMPERED, "CP-ORDER")
def _() -> Attempt:
    kit = Kit()
    first, second, last = kit.sizes
    return kit.bundle(
        notes=[kit.note(second), kit.note(first), kit.note(last)], consistency=kit.links((first, last))
    ), kit.ask()
