"""R1: the events made again are compared with those on record, hash by hash."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from evidence.verify.envelope import Event
from workflows.replay import machine
from workflows.replay.bodies import Absent, Made, Maker
from workflows.replay.machine import Course
from workflows.replay.material import Material, differing
from workflows.replay.player import NotCovered
from workflows.replay.report import Divergence, Gap, Level, Missing, Report

MOST_SHOWN = 2000


def replay(material: Material) -> Report:
    """Play the run again and compare. The verdict is SAME only if every event came out bit for bit."""
    report = Report(Level.R1, str(material.run_id), events=len(material.events))
    try:
        course = machine.play(material, machine.recording(material))
    except NotCovered as missing:
        report.gaps.append(Gap(0, missing.code, str(missing)))
        return report
    if course.uncovered:
        report.gaps.append(Gap(0, Missing.CONTENT, course.uncovered))
        return report
    report.counts = {"looks": course.looks, "calls": len(course.asked)}
    _compare(report, material, course)
    return report


def _compare(report: Report, material: Material, course: Course) -> None:
    maker, by = Maker(material, course), Counter[str]()
    for event in material.events:
        made = _made(maker, event)
        if isinstance(made, str):
            _diverged(report, _missing(event, made, course))
            break
        by[f"by_{made.by}"] += 1
        report.gaps += [Gap(event.seq, Missing.CONTENT, f"{event.type} {path}") for path in made.uncovered]
        report.same += made.hash == event.hash
        report.head = made.hash.hex()
        if made.hash != event.hash:
            _diverged(report, difference(material, made))
    report.counts |= by
    if report.divergence is None and (said := course.ended or ", ".join(maker.left())):
        last = material.events[-1]
        _diverged(report, Divergence(last.seq + 1, "", "", "", None, said, "the engine goes on where the record ends"))


def _made(maker: Maker, event: Event) -> Made | str:
    try:
        return maker.make(event)
    except Absent as absent:
        return str(absent)


def _diverged(report: Report, found: Divergence | None) -> None:
    """The first one is shown; what follows from it is counted. An event that differs only in naming another
    predecessor is no finding of its own."""
    if report.divergence is None and found is not None:
        report.divergence = found
    elif found is not None:
        report.after += 1


def _missing(event: Event, why: str, course: Course) -> Divergence:
    said = f"{why}; {course.ended}" if course.ended else why
    return Divergence(event.seq, event.id, event.type, "", event.type, None, said)


def difference(material: Material, made: Made) -> Divergence | None:
    """Where an event made again differs from the record; None when only its predecessor does."""
    event = made.event
    found = differing(event.data, made.data, "/data")
    if found is None:
        return None
    path, recorded, replayed = found
    place = path.removesuffix("/c").removesuffix("/len")
    if place != path and place in made.contents:
        return _of_content(material, made, place)
    return Divergence(event.seq, event.id, event.type, path, recorded, replayed, _WHY[made.by])


def _of_content(material: Material, made: Made, place: str) -> Divergence:
    """Inside the content, where what was recorded can be shown; a recorded answer that was changed cannot be."""
    event, replayed = made.event, made.contents[place]
    recorded = material.content(event, place)
    if recorded is None or recorded == replayed:
        return not_committed(event, place, replayed)
    path, one, two = differing(_parsed(recorded), _parsed(replayed)) or ("", _text(recorded), _text(replayed))
    return Divergence(event.seq, event.id, event.type, path, one, two, _WHY[made.by], content=place)


def not_committed(event: Event, place: str, content: bytes) -> Divergence:
    """What was opened is not what was recorded; what that was cannot be shown."""
    why = "this content is not what the event committed to when it was recorded"
    known = "(only its commitment is known)"
    return Divergence(event.seq, event.id, event.type, "", known, _text(content), why, content=place)


_WHY = {
    "engine": "the engine says something else",
    "call": "the engine asks for another call",
    "record": "the content is not what was recorded",
    "seal": "the seal is over other events",
}


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return _text(content)


def _text(content: bytes) -> str:
    return content.decode(errors="replace")[:MOST_SHOWN]


def makings(material: Material, course: Course | None) -> Iterator[Made]:
    """The events one by one, for whoever shows them."""
    maker = Maker(material, course)
    for event in material.events:
        try:
            yield maker.make(event)
        except Absent:
            return
