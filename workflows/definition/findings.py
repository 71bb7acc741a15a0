"""What a check has to say about a definition: where, what, and what to do about it."""

from dataclasses import dataclass

from controlplane.lib.errors import Invalid


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a source file, counted from one."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. `code` is stable for machines, `message` says what is wrong, `hint` what to do."""

    code: str
    message: str
    hint: str
    place: Place

    def __str__(self) -> str:
        at = self.place
        return f"{at.file}:{at.line}:{at.column}: {self.code}: {self.message}. {self.hint}"


class DefinitionRefused(Invalid):
    """The definition has findings; none of it is used."""

    code, title = "definition_refused", "The workflow definition has errors"

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)), findings=[_plain(f) for f in findings])
        self.findings = findings


def _plain(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code,
        "message": finding.message,
        "hint": finding.hint,
        "file": finding.place.file,
        "line": finding.place.line,
        "column": finding.place.column,
    }
