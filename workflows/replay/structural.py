"""R0 of a run: see `evidence.verify.structure`."""

from evidence.verify import structure
from workflows.replay.material import Material
from workflows.replay.report import Divergence, Level, Report


def replay(material: Material) -> Report:
    """Whether the events are the trace of a run that could have happened; needs no content."""
    report = Report(Level.R0, str(material.run_id), events=len(material.events))
    found = structure.breaks(material.events)
    broken = {each.seq for each in found}
    report.same, report.after = len(material.events) - len(broken), max(0, len(found) - 1)
    if found:
        first, ids = found[0], {event.seq: event.id for event in material.events}
        report.divergence = Divergence(first.seq, ids.get(first.seq, ""), first.type, "", None, None, first.message)
    if material.last("run.closed") is None:
        report.counts["open"] = 1
    return report
