"""Whatever is done can be undone, or is done last, once, and with a person's leave."""

from collections.abc import Iterator

from connectors.types import Kind
from workflows.definition.findings import Finding
from workflows.definition.graph import ancestors
from workflows.definition.model import OnFailure, StepKind
from workflows.definition.subject import Subject, listed


def writes_without_inverse(subject: Subject) -> Iterator[Finding]:
    for index, step, action in subject.calls():
        if action.kind is Kind.WRITE and not step.irreversible and not subject.has_inverse(action):
            yield subject.finding(
                "write_without_inverse",
                f"nothing takes back what `{step.tool}` does",
                "declare `irreversible: true` with an `approval:`, and make it the last step",
                *("steps", index, "call"),
            )


def ungated(subject: Subject) -> Iterator[Finding]:
    for index, step in subject.steps():
        if step.irreversible and step.kind is StepKind.CALL and step.approval_hint is None:
            yield subject.finding(
                "ungated_irreversible",
                f"nobody is asked before `{step.id}`, which cannot be taken back",
                "add `approval: {tier: standard, reason: …}`; the policy may ask for more, never for less",
                *("steps", index, "irreversible"),
            )


def irreversible_reads(subject: Subject) -> Iterator[Finding]:
    for index, step, action in subject.calls():
        if step.irreversible and action.kind is not Kind.WRITE:
            message = f"`{step.tool}` changes nothing, so there is nothing to take back"
            yield subject.finding("misplaced_member", message, "remove it", "steps", index, "irreversible")


def irreversible_before_fallible(subject: Subject) -> Iterator[Finding]:
    if subject.cycle is not None:
        return
    for index, step in subject.steps():
        before = ancestors(subject.needs, step.id)
        later = [other.id for other in subject.definition.steps if other.id not in before | {step.id}]
        if subject.is_final(step) and later:
            yield subject.finding(
                "irreversible_before_fallible",
                f"`{step.id}` cannot be taken back when {listed(later)} fails",
                f"let `{step.id}` need {listed(later)}",
                *("steps", index),
            )


def irreversible_loops(subject: Subject) -> Iterator[Finding]:
    for index, step in subject.steps():
        if subject.is_final(step) and step.foreach is not None:
            yield subject.finding(
                "irreversible_in_loop",
                "what was done for one item cannot be taken back when the next one fails",
                "do it for one item, in a workflow of its own that people start",
                *("steps", index, "foreach"),
            )


def irreversible_retries(subject: Subject) -> Iterator[Finding]:
    for index, step in subject.steps():
        if step.irreversible and step.kind is StepKind.CALL and step.max_retries > 0:
            yield subject.finding(
                "irreversible_retried",
                f"a second try of `{step.id}` could do twice what cannot be taken back",
                "remove `retry:`; an irreversible step is tried once",
                *("steps", index, "retry"),
            )


def continued_effects(subject: Subject) -> Iterator[Finding]:
    """A step that may leave something behind cannot simply be passed over."""
    for index, step in subject.steps():
        if step.on_failure is OnFailure.CONTINUE and (subject.is_write(step) or step.kind is StepKind.RUN):
            yield subject.finding(
                "continue_with_effect",
                f"`{step.id}` changes something, so its failure turns the run back",
                "remove `on_failure: continue`; it is for steps without an effect",
                *("steps", index, "on_failure"),
            )


CHECKS = (
    writes_without_inverse,
    ungated,
    irreversible_reads,
    irreversible_before_fallible,
    irreversible_loops,
    irreversible_retries,
    continued_effects,
)
