"""Saga lint: what a schema cannot say. Every check yields findings with a place and a remedy.

The promise behind it: a run that passed can be carried to its end or taken back to its start.
"""

from workflows.definition import checks
from workflows.definition.catalogue import Catalogue
from workflows.definition.findings import Finding
from workflows.definition.model import Definition
from workflows.definition.source import Source
from workflows.definition.subject import Subject


def lint(definition: Definition, source: Source, catalogue: Catalogue) -> list[Finding]:
    """All findings, in the order of the file; an empty list means that the definition may be published."""
    subject = Subject(definition, source, catalogue)
    found = {finding for check in checks.ALL for finding in check(subject)}
    return sorted(found, key=lambda f: (f.place.line, f.place.column, f.code, f.message))
