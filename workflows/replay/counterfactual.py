"""What would have happened under another version of the workflow: the engine is given the same trigger, the same
answers and the same clock, and is followed until it first does something else."""

from dataclasses import replace
from typing import Any

from workflows.replay import machine
from workflows.replay.bodies import Absent, Maker
from workflows.replay.exact import difference
from workflows.replay.material import Material
from workflows.replay.player import NotCovered
from workflows.replay.report import Divergence, Gap, Level, Report


def what_if(material: Material, document: dict[str, Any], assets: dict[str, Any] | None = None) -> Report:
    """`document`: the other definition; `assets`: its prompts and schemas, those of the run when left out.

    SAME: the other version would have asked for the same calls and ended the same. After the first divergence nothing
    is known: no system was asked what it would have answered.
    """
    report = Report(Level.R1, str(material.run_id), events=len(material.events))
    try:
        tape = machine.recording(material)
    except NotCovered as missing:
        report.gaps.append(Gap(0, missing.code, str(missing)))
        return report
    other = replace(tape, document=document, assets=tape.assets if assets is None else assets)
    course = machine.play(material, other)
    _compare(report, material, Maker(material, course), course.uncovered or course.ended)
    report.counts = {"looks": course.looks, "calls": len(course.asked)}
    return report


def _compare(report: Report, material: Material, maker: Maker, ended: str) -> None:
    for event in material.events:
        try:
            made = maker.make(event)
        except Absent as absent:
            why = f"{absent}; {ended}" if ended else str(absent)
            report.divergence = Divergence(event.seq, event.id, event.type, "", event.type, None, why)
            return
        found = None if event.type in _ITS_OWN else difference(material, made)
        if found is not None:
            report.divergence = found
            return
        report.same += 1


_ITS_OWN = frozenset({"run.started", "run.sealed"})
"""They name the version, or count what names it."""
