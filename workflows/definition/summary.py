"""What a parent must know of a workflow that it runs. Pure."""

from workflows.definition.catalogue import Catalogue, Published
from workflows.definition.checks.bounds import writes_of
from workflows.definition.model import Definition
from workflows.definition.source import Source
from workflows.definition.subject import Subject


def summary(definition: Definition, catalogue: Catalogue) -> Published:
    """Of a definition that passed; `catalogue` knows the workflows that it runs in turn."""
    subject = Subject(definition, Source(definition.name, definition.document, {}), catalogue)
    below = [published for _, _, published in subject.subs()]
    return Published(
        inputs=definition.inputs,
        outputs=frozenset(definition.outputs),
        runs=frozenset(step.sub for step in definition.steps if step.sub is not None),
        writes=sum(writes_of(subject, step) for step in definition.steps),
        irreversible=any(subject.is_final(step) for step in definition.steps),
        depth=max((published.depth + 1 for published in below), default=0),
    )
