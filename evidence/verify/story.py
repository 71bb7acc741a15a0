"""Last stages: the events themselves, the run they make, what was opened, and the page that tells it."""

from evidence.verify import anchoring, envelope, layout, note, page, passkeys, rules
from evidence.verify import disclosure as disclosures
from evidence.verify.chains import RUN_SEALED, check_chain, runs_of
from evidence.verify.dossier import Dossier, lines_of
from evidence.verify.envelope import Event
from evidence.verify.tale import Tale

AHEAD_MS = 5 * 60 * 1000
BEHIND_MS = 3600 * 1000
ERASED = "erasure.completed"
TOLERATED: dict[str, set[str]] = {
    "basic": {"TIME", "WITNESS", "KNOWN", "REPORT", "PRUNED", "APPROVERS"},
    "audit": {"KNOWN", "REPORT", "APPROVERS"},
    "dispute": set(),
}
APPROVAL_ENDS = {"approval.decided", "approval.consumed", "approval.voided", "approval.withdrawn"}


def check_events(dossier: Dossier) -> None:
    """Each event is the one that its leaf commits to, of this run and this log, once."""
    before = len(dossier.report.failures)
    dossier.events = lines_of(dossier.members, layout.EVENTS, envelope.parse_event)
    claims = dossier.claims.predicate
    dossier.report.events, dossier.report.events_claimed = len(dossier.events), claims.events
    if not len(dossier.events) == len(dossier.kept) == claims.events:
        dossier.fail(
            "COUNT",
            layout.EVENTS,
            f"{len(dossier.events)} events, {len(dossier.kept)} leaves, {claims.events} claimed",
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
    check_chain(dossier, list(enumerate(events, start=1)), from_start=True)
    if not events or events[-1].type != RUN_SEALED:
        dossier.fail("RUN-OPEN", layout.EVENTS, "the last event does not seal the run: more may have followed")
    dossier.conclude("RUN", layout.EVENTS, "the run is complete and sealed", before)


def check_approval(dossier: Dossier) -> None:
    """The run from its start up to the end of one approval: the question, the votes, what became of it."""
    before = len(dossier.report.failures)
    wanted = dossier.claims.predicate.request
    check_chain(dossier, list(enumerate(dossier.events, start=1)), from_start=True)
    about = {event.type for event in dossier.events if event.data.get("request_id") == wanted}
    if "approval.requested" not in about:
        dossier.fail("APPROVAL-MISSING", layout.EVENTS, "the question that the bundle is about is not here")
    elif not about & APPROVAL_ENDS:
        dossier.fail("APPROVAL-OPEN", layout.EVENTS, "nothing tells what became of the question")
    dossier.conclude("APPROVAL", layout.EVENTS, "the run is complete up to the end of the approval", before)


def check_time(dossier: Dossier) -> None:
    """Claimed times fit the sequenced ones, and none lies in the future; a trusted time says more."""
    before = len(dossier.report.failures)
    for number, (event, (line, leaf)) in enumerate(zip(dossier.events, dossier.kept, strict=False), start=1):
        if leaf.time_ms > dossier.question.at_ms + AHEAD_MS:
            dossier.fail("TIME-FUTURE", f"{layout.LEAVES}:{line}", "the leaf is later than now")
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
    claims = dossier.claims.predicate
    whole = claims.kind == layout.PERIOD and claims.first_leaf == 0 and not dossier.report.pruned
    for broken in rules.broken(_tales(dossier), dossier.events, whole=whole):
        dossier.fail(broken.code, f"{layout.EVENTS}:{broken.line}", broken.message)
    dossier.conclude("RULES", layout.EVENTS, f"{rules.COUNT} governance rules hold", before)


def check_passkeys(dossier: Dossier) -> None:
    """Votes that say that a passkey signed them."""
    passkeys.check_passkeys(dossier, _tales(dossier))


def check_profile(dossier: Dossier) -> None:
    """A skipped check is never a pass: stricter profiles count it as missing."""
    for finding in [found for found in dossier.report.findings if found.outcome == "SKIP"]:
        if finding.code not in TOLERATED[dossier.question.profile]:
            dossier.fail("SKIPPED", finding.where, f"the profile {dossier.question.profile} asks for {finding.code}")


def _tales(dossier: Dossier) -> list[Tale]:
    """What the rules are asked about: the one run, or each run as far as the period shows it."""
    claims = dossier.claims.predicate
    if claims.kind != layout.PERIOD:
        whole = list(enumerate(dossier.events, start=1))
        return [Tale(whole, from_start=True, to_end=claims.kind == layout.RUN)]
    return [
        Tale(events, from_start=events[0][1].seq == 1, to_end=any(event.type == RUN_SEALED for _, event in events[-1:]))
        for events in runs_of(dossier.events).values()
    ]


def _check_event(dossier: Dossier, event: Event, number: int, seen: set[str]) -> None:
    where = f"{layout.EVENTS}:{number}"
    claims = dossier.claims.predicate
    if number <= len(dossier.kept) and dossier.kept[number - 1][1].event_hash != event.hash:
        dossier.fail("EVENT-EDITED", where, "the leaf commits to another event")
    if not note.continues(event.origin, claims.origin):
        dossier.fail("CROSS-TENANT", where, f"the event is of the log {event.origin}")
    if claims.kind != layout.PERIOD and event.run != claims.run:
        dossier.fail("RUN-ID", where, "the event is of another run")
    if event.id in seen:
        dossier.fail("DUP-EVENT", where, f"the event {event.id} stands here twice")
    seen.add(event.id)


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
