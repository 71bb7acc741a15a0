"""The order of the checks. Each stage stands on what the ones before have authenticated."""

from collections.abc import Callable

from evidence.verify import anchoring, authority, container, history, layout, population, pruning, story
from evidence.verify.dossier import Dossier, Question
from evidence.verify.findings import Assurance, Report, Verdict
from evidence.verify.malformed import Malformed

PROFILES = ("basic", "audit", "dispute")

CONSISTENT = frozenset({Verdict.VERIFIED, Verdict.INCOMPLETE, Verdict.RULE_VIOLATION})

Stage = Callable[[Dossier], None]

AUTHORITY: tuple[Stage, ...] = (
    authority.check_presence,
    authority.check_keyring,
    authority.check_statement,
    authority.check_files,
    history.check_leaves_form,
    history.read_checkpoints,
    anchoring.check_anchors,
    history.check_checkpoints,
)
HEADS: tuple[Stage, ...] = (history.check_consistency, history.check_known)
PARTS: tuple[Stage, ...] = (*HEADS, history.check_inclusion, story.check_events)
OF_KIND: dict[str, tuple[Stage, ...]] = {
    layout.RUN: (*PARTS, story.check_run),
    layout.APPROVAL: (*PARTS, story.check_approval),
    layout.PERIOD: (
        population.check_range,
        population.check_growth,
        *HEADS,
        pruning.check_pruned,
        story.check_events,
        population.check_runs,
    ),
}
STORY: tuple[Stage, ...] = (
    story.check_time,
    story.check_disclosures,
    story.check_report,
    story.check_rules,
    story.check_passkeys,
    story.check_profile,
)


def verify(bundle: bytes, question: Question) -> Report:
    """Judge a bundle. Never raises for what the bundle holds: everything becomes a finding."""
    return judge(bundle, question)[0]


def judge(bundle: bytes, question: Question) -> tuple[Report, Dossier | None]:
    """The verdict, and what was read on the way to it; None where the container cannot be read."""
    report, dossier = Report(), None
    try:
        members = container.unpack(bundle)
        report.passed("CONTAINER", "bundle", f"{len(members)} members in canonical form")
        dossier = Dossier(question, members, report)
        for stage in AUTHORITY:
            stage(dossier)
        for stage in (*OF_KIND[dossier.claims.predicate.kind], *STORY):
            stage(dossier)
    except Malformed as error:
        report.fail(error.code, error.where, error.message)
    except authority.Stop:
        report.skip("REMAINING", "bundle", "the other checks need the missing files")
    if report.verdict not in CONSISTENT:
        report.assurance = Assurance.A0
    return report, dossier
