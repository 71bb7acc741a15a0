"""Last stages: the events themselves, the run they make, what was opened, and the page that tells it."""

from evidence.verify import anchoring, envelope, jcs, layout, merkle, page, rules
from evidence.verify import disclosure as disclosures
from evidence.verify.dossier import Dossier, lines_of
from evidence.verify.envelope import Event

AHEAD_MS = 5 * 60 * 1000
BEHIND_MS = 3600 * 1000
RUN_SEALED = "run.sealed"
ERASED = "erasure.completed"


def check_events(dossier: Dossier) -> None:
    """Each event is the one that its leaf commits to, of this run and this log, once."""
    before = len(dossier.report.failures)
    dossier.events = lines_of(dossier.members, layout.EVENTS, envelope.parse_event)
    claims = dossier.claims.predicate
    dossier.report.events, dossier.report.events_claimed = len(dossier.events), claims.events
    if not len(dossier.events) == len(dossier.leaves) == claims.events:
        dossier.fail(
            "COUNT",
            layout.EVENTS,
            f"{len(dossier.events)} events, {len(dossier.leaves)} leaves, {claims.events} claimed",
        )
    indices = [leaf.index for leaf in dossier.leaves]
    if indices and (min(indices), max(indices)) != (claims.first_leaf, claims.last_leaf):
        dossier.fail("COUNT", layout.STATEMENT, "the leaves are not in the range that the statement names")
    seen: set[str] = set()
    for number, event in enumerate(dossier.events, start=1):
        _check_event(dossier, event, number, seen)
    dossier.conclude("EVENTS", layout.EVENTS, f"{len(dossier.events)} events are those of their leaves", before)


def check_run(dossier: Dossier) -> None:
    """The run is whole: it counts from one, each event names its predecessor, and the last one seals it."""
    before = len(dossier.report.failures)
    events = dossier.events
    for number, event in enumerate(events, start=1):
        where = f"{layout.EVENTS}:{number}"
        expected = events[number - 2].seq + 1 if number > 1 else 1
        if event.seq < expected:
            dossier.fail("ORDER", where, f"event {event.seq} of the run stands where {expected} should")
        elif event.seq > expected:
            dossier.fail("RUN-GAP", where, f"events {expected} to {event.seq - 1} of the run are not here")
        elif number > 1 and event.prev != events[number - 2].hash.hex():
            dossier.fail("RUN-CHAIN", where, f"event {event.seq} names another predecessor")
        if event.type == RUN_SEALED:
            _check_seal(dossier, event, number, where)
    if not events or events[-1].type != RUN_SEALED:
        dossier.fail("RUN-OPEN", layout.EVENTS, "the last event does not seal the run: more may have followed")
    dossier.conclude("RUN", layout.EVENTS, "the run is complete and sealed", before)


def check_time(dossier: Dossier) -> None:
    """Claimed times fit the sequenced ones, and none lies in the future; a trusted time says more."""
    before = len(dossier.report.failures)
    for number, (event, leaf) in enumerate(zip(dossier.events, dossier.leaves, strict=False), start=1):
        if leaf.time_ms > dossier.question.at_ms + AHEAD_MS:
            dossier.fail("TIME-FUTURE", f"{layout.LEAVES}:{number}", "the leaf is later than now")
        if not leaf.time_ms - BEHIND_MS <= event.time_ms <= leaf.time_ms + AHEAD_MS:
            dossier.fail("CLOCK-SKEW", f"{layout.EVENTS}:{number}", "the emitter's clock does not fit the log's")
    dossier.conclude("CLOCKS", layout.LEAVES, "claimed and sequenced times fit", before)
    anchoring.conclude(dossier)


def check_disclosures(dossier: Dossier) -> None:
    """Opened content is what the event committed to; the rest is counted, never guessed."""
    before = len(dossier.report.failures)
    dossier.disclosures = lines_of(dossier.members, layout.DISCLOSURES, disclosures.parse)
    by_id = {event.id: event for event in dossier.events}
    places: set[tuple[str, str]] = set()
    for number, opened in enumerate(dossier.disclosures, start=1):
        event = by_id.get(opened.event)
        if event is None or (opened.event, opened.path) in places or not opened.opens(event):
            dossier.fail("DISCLOSURE", f"{layout.DISCLOSURES}:{number}", "the content is not what was committed to")
        places.add((opened.event, opened.path))
    _count_commitments(dossier)
    dossier.conclude("DISCLOSURE", layout.DISCLOSURES, f"{len(dossier.disclosures)} contents opened", before)


def check_report(dossier: Dossier) -> None:
    """The readable page says what the events say: it is rendered again and compared."""
    claims = dossier.claims.predicate
    if claims.report != page.RENDERER:
        dossier.report.skip("REPORT", layout.REPORT, f"this verifier does not render {claims.report}")
        return
    rendered = page.render(claims, dossier.events, dossier.leaves, dossier.disclosures, dossier.notes[-1].text)
    if rendered != dossier.members[layout.REPORT]:
        dossier.fail("REPORT-DRIFT", layout.REPORT, "the page is not what the events render to")
    else:
        dossier.report.passed("REPORT", layout.REPORT, "the page says what the events say")


def check_rules(dossier: Dossier) -> None:
    """Governance rules that the events must satisfy, whoever signed them."""
    before = len(dossier.report.failures)
    for broken in rules.broken(dossier.events):
        dossier.fail(broken.code, f"{layout.EVENTS}:{broken.line}", broken.message)
    dossier.conclude("RULES", layout.EVENTS, f"{len(rules.RULES)} governance rules hold", before)


def check_profile(dossier: Dossier) -> None:
    """A skipped check is never a pass: stricter profiles count it as missing."""
    tolerated = {"basic": {"TIME", "WITNESS", "KNOWN", "REPORT"}, "audit": {"KNOWN", "REPORT"}, "dispute": set()}
    for finding in [found for found in dossier.report.findings if found.outcome == "SKIP"]:
        if finding.code not in tolerated[dossier.question.profile]:
            dossier.fail("SKIPPED", finding.where, f"the profile {dossier.question.profile} asks for {finding.code}")


def _check_event(dossier: Dossier, event: Event, number: int, seen: set[str]) -> None:
    where = f"{layout.EVENTS}:{number}"
    claims = dossier.claims.predicate
    if number <= len(dossier.leaves) and dossier.leaves[number - 1].event_hash != event.hash:
        dossier.fail("EVENT-EDITED", where, "the leaf commits to another event")
    if event.origin != claims.origin:
        dossier.fail("CROSS-TENANT", where, f"the event is of the log {event.origin}")
    if event.run != claims.run:
        dossier.fail("RUN-ID", where, "the event is of another run")
    if event.id in seen:
        dossier.fail("DUP-EVENT", where, f"the event {event.id} stands here twice")
    seen.add(event.id)


def _check_seal(dossier: Dossier, event: Event, number: int, where: str) -> None:
    earlier = dossier.events[: number - 1]
    count = event.data.get("count", 0)
    if not jcs.is_whole(count) or count != len(earlier):
        dossier.fail("RUN-COUNT", where, f"the seal counts {jcs.shown(count)} events, {len(earlier)} are here")
    elif event.data.get("root") != merkle.root_of([merkle.leaf_hash(one.hash) for one in earlier]).hex():
        dossier.fail("RUN-ROOT", where, "the seal is over other events")


def _count_commitments(dossier: Dossier) -> None:
    claims, report = dossier.claims.predicate, dossier.report
    total = sum(1 for event in dossier.events for _ in event.commitments())
    report.disclosed, report.erased = len(dossier.disclosures), claims.erased
    report.redacted = total - report.disclosed - report.erased
    if (claims.disclosed, claims.redacted) != (report.disclosed, report.redacted):
        dossier.fail(
            "COUNT", layout.STATEMENT, f"of {total} commitments, {report.disclosed} are opened: the statement differs"
        )
    if claims.erased and not any(event.type == ERASED for event in dossier.events):
        dossier.fail("ERASED-UNEXPLAINED", layout.STATEMENT, f"{claims.erased} contents are gone and no event says why")
