"""R2 of a run: each of its decisions, decided again by the bundle it was made under, or by another policy."""

from collections import Counter
from collections.abc import Mapping, Sequence

from evidence.verify.envelope import Event
from policies import redeciding
from policies.backtest import trial
from policies.redeciding import UNCOVERED, Again, Outcome, Past
from policies.types import PackSource
from workflows.replay.exact import not_committed
from workflows.replay.material import Material
from workflows.replay.report import Divergence, Gap, Level, Missing, Report

DECIDED = "policy.decided"

QUESTION = "/data/input"

_MISSING = {
    Outcome.NO_INPUT: (Missing.CONTENT, "the question is not open"),
    Outcome.NO_BUNDLE: (Missing.POLICY, "the policy bundle is not there"),
    Outcome.NO_ANSWER: (Missing.ANSWER, "the policy gave no answer"),
}


def replay(material: Material) -> Report:
    """Every decision again; SAME only if all of them said the same to the last bit."""
    events, pasts = _pasts(material)
    with trial() as evaluator:
        found = redeciding.again(evaluator, pasts, redeciding.programs_in(material.documents))
    return _report(material, events, found)


def what_if(material: Material, packs: Mapping[str, PackSource]) -> Report:
    """What the policy would have said with these packs in it; the first decision that would differ is shown.

    Only effect and codes count here: the words and the digest of another policy differ anyhow.
    """
    events, pasts = _pasts(material)
    programs = redeciding.programs_in(material.documents)
    stood = next((program for past in pasts if (program := programs(past.bundle_sha256, past.seq))), None)
    with trial() as evaluator:
        found = redeciding.otherwise(evaluator, pasts, redeciding.candidate_over(stood, packs))
    return _report(material, events, [_by_effect(each) for each in found])


def _pasts(material: Material) -> tuple[list[Event], list[Past]]:
    events = [event for event in material.events if event.type == DECIDED]
    return events, [Past.told(event.data, material.content(event, QUESTION)) for event in events]


def _by_effect(found: Again) -> Again:
    if found.verdict is None:
        return found
    same = (found.verdict.effect.value, codes_of(found)) == (found.past.effect, found.past.codes)
    return Again(found.past, Outcome.SAME if same else Outcome.DIFFERS, found.verdict)


def codes_of(found: Again) -> tuple[str, ...]:
    reasons = found.verdict.reasons[:20] if found.verdict else ()
    return tuple(f"{reason.rule}: {reason.code}" for reason in reasons)


def _report(material: Material, events: Sequence[Event], found: Sequence[Again]) -> Report:
    report = Report(Level.R2, str(material.run_id), events=len(found))
    report.counts = dict(Counter(f"decisions_{each.outcome.value}" for each in found))
    for event, each in zip(events, found, strict=True):
        if not material.genuine(event, QUESTION):
            _diverged(report, not_committed(event, QUESTION, each.past.input or b""))
        elif each.outcome in UNCOVERED:
            report.gaps.append(Gap(event.seq, *_MISSING[each.outcome]))
        elif each.outcome is Outcome.DIFFERS:
            _diverged(report, _divergence(event, each))
        else:
            report.same += 1
    return report


def _diverged(report: Report, found: Divergence) -> None:
    if report.divergence is None:
        report.divergence = found
    else:
        report.after += 1


def _divergence(event: Event, found: Again) -> Divergence:
    before = {"effect": found.past.effect, "reasons": list(found.past.codes)}
    now = {"effect": found.verdict.effect.value if found.verdict else "", "reasons": list(codes_of(found))}
    return Divergence(event.seq, event.id, event.type, "", before, now, "the policy decides otherwise")
