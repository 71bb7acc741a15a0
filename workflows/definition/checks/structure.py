"""Names and members: every id once, every reference to something, every member where it means something."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from workflows.definition.findings import Finding
from workflows.definition.model import StepKind
from workflows.definition.steps import Sub
from workflows.definition.subject import Subject, offered

DEEPEST_SUB_RUNS = 5

_EVERYWHERE = frozenset({"id", "needs", "when", "on_failure"})
_MEMBERS: Mapping[StepKind, frozenset[str]] = MappingProxyType(
    {
        StepKind.CALL: frozenset(
            {"call", "instance", "with", "foreach", "timeout", "retry", "approval", "reason", "irreversible"}
        ),
        StepKind.COMPUTE: frozenset({"compute", "foreach"}),
        StepKind.WAIT: frozenset({"wait"}),
        StepKind.RUN: frozenset({"run", "with", "foreach", "timeout"}),
    }
)
_TAKEN = frozenset({"trigger", "event", "constants", "run", "steps"})


def duplicate_ids(subject: Subject) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, step in subject.steps():
        if step.id in seen:
            message = f"two steps are called `{step.id}`"
            yield subject.finding("duplicate_step", message, "rename one", "steps", index, "id")
        seen.add(step.id)


def misplaced_members(subject: Subject) -> Iterator[Finding]:
    for index, step in subject.steps():
        for name in subject.written(index).keys() - _MEMBERS[step.kind] - _EVERYWHERE:
            kinds = [f"`{kind}`" for kind, members in _MEMBERS.items() if name in members]
            yield subject.finding(
                "misplaced_member",
                f"`{name}` means nothing for a step that is a `{step.kind}`",
                f"remove it; it belongs to {' and '.join(kinds)}",
                *("steps", index, name),
            )


def unknown_needs(subject: Subject) -> Iterator[Finding]:
    for index, step in subject.steps():
        for position, needed in enumerate(subject.written(index).get("needs", [])):
            if needed not in subject.needs:
                yield subject.finding(
                    "unresolved_reference",
                    f"`{step.id}` needs `{needed}`, which is no step",
                    offered(subject.needs),
                    *("steps", index, "needs", position),
                )


def cycles(subject: Subject) -> Iterator[Finding]:
    if subject.cycle is None:
        return
    index = next(i for i, step in subject.steps() if step.id in (subject.cycle or ()))
    yield subject.finding(
        "cycle",
        f"steps wait for each other: {' -> '.join(subject.cycle)}",
        "remove one `needs` or one reference",
        *("steps", index),
    )


def unknown_tools(subject: Subject) -> Iterator[Finding]:
    for index, step in subject.steps():
        if step.kind is StepKind.CALL and subject.action(step) is None:
            message = f"no connector offers `{step.tool}`"
            yield subject.finding("unknown_tool", message, offered(subject.catalogue.tools), "steps", index, "call")


def unpinned_tools(subject: Subject) -> Iterator[Finding]:
    """A version that does not exist, or none where several do."""
    for index, step, action in subject.calls():
        versions = sorted(subject.catalogue.offered.get(step.tool, {action.version: action}))
        at = ("steps", index, "call")
        if step.tool_version is None and len(versions) > 1:
            message = f"`{step.tool}` is installed in versions {', '.join(versions)}"
            yield subject.finding("unpinned_connector", message, f"write `{step.tool}@{action.version}`", *at)
        elif step.tool_version not in {None, *versions}:
            message = f"`{step.tool}` has no version {step.tool_version}"
            yield subject.finding("unknown_tool", message, f"write `{step.tool}@{action.version}`", *at)


def shadowed_items(subject: Subject) -> Iterator[Finding]:
    for index, step in subject.steps():
        if step.foreach is not None and step.foreach.name in _TAKEN:
            message = f"the item cannot be called `{step.foreach.name}`: that is taken"
            yield subject.finding("shadowed_name", message, "choose another name", "steps", index, "foreach", "as")


def unknown_workflows(subject: Subject) -> Iterator[Finding]:
    for index, step in subject.steps():
        if step.sub is not None and step.sub not in subject.catalogue.workflows and step.sub != _self(subject):
            yield _unpublished(subject, index, step.sub)


def sub_run_cycles(subject: Subject) -> Iterator[Finding]:
    """A version is pinned and must be published before, so the only way around is to itself."""
    for index, step in subject.steps():
        if step.sub is not None and _self(subject) in _below(subject, step.sub):
            message = f"`{subject.definition.name}` would run itself without end"
            yield subject.finding("cycle", message, "run another workflow or version", "steps", index, "run")


def deep_sub_runs(subject: Subject) -> Iterator[Finding]:
    for index, _, published in subject.subs():
        if published.depth + 1 > DEEPEST_SUB_RUNS:
            message = f"sub-runs would be nested {published.depth + 1} deep"
            hint = f"at most {DEEPEST_SUB_RUNS}: let the steps of a sub-run stand here"
            yield subject.finding("sub_runs_too_deep", message, hint, "steps", index, "run")


def _unpublished(subject: Subject, index: int, sub: Sub) -> Finding:
    versions = sorted(other.version for other in subject.catalogue.workflows if other.workflow == sub.workflow)
    at = ("steps", index, "run")
    if versions:
        message, hint = f"`{sub.workflow}` has no version {sub.version}", f"published are: {', '.join(versions)}"
        return subject.finding("unresolved_reference", message, hint, *at, "version")
    names = frozenset(other.workflow for other in subject.catalogue.workflows)
    message = f"no workflow `{sub.workflow}` is published here"
    return subject.finding("unresolved_reference", message, f"publish it first; {offered(names)}", *at, "workflow")


def _self(subject: Subject) -> Sub:
    return Sub(subject.definition.name, subject.definition.version)


def _below(subject: Subject, sub: Sub) -> frozenset[Sub]:
    """A sub-run and everything that it runs in turn."""
    found: set[Sub] = set()
    queue = [sub]
    while queue:
        current = queue.pop()
        if current not in found:
            found.add(current)
            published = subject.catalogue.workflows.get(current)
            queue.extend(published.runs if published else ())
    return frozenset(found)


CHECKS = (
    duplicate_ids,
    misplaced_members,
    unknown_needs,
    cycles,
    unknown_tools,
    unpinned_tools,
    shadowed_items,
    unknown_workflows,
    sub_run_cycles,
    deep_sub_runs,
)
