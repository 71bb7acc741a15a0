"""What OPA says about a text, as findings with a place and a way out. Pure."""

import re
from collections.abc import Mapping

from policies.gate import Finding, hint_of
from policies.places import Text

_ERROR = re.compile(r"(?P<path>[\w./-]+):(?P<line>\d+): (?P<code>rego_\w+): (?P<message>.*)")
_ELSEWHERE = re.compile(r"found at .*:(\d+)$")
_NAMED = (
    re.compile(r"undefined function (\S+)"),
    re.compile(r"undefined ref: (\S+)"),
    re.compile(r"var (\S+) (?:is unsafe|referenced above|unused|declared above|assigned above)"),
    re.compile(r"conflicting rules (\S+) found"),
    re.compile(r"multiple default rules (\S+) found"),
    re.compile(r"rule (\S+) is recursive"),
    re.compile(r"must not shadow (?:import )?(\S+)"),
    re.compile(r"declared var (\S+) unused"),
    re.compile(r"^([\w.]+): (?:invalid argument|arity mismatch)"),
)
_MARKS = {
    "plus": "+", "minus": "-", "mul": "*", "div": "/", "rem": "%", "and": "&", "or": "|",
    "equal": "=", "neq": "!", "lt": "<", "gt": ">", "lte": "<", "gte": ">", "eq": "=", "assign": ":",
}  # fmt: skip


def findings(message: str, texts: Mapping[str, tuple[str, str]], *, usual: str, code: str) -> list[Finding]:
    """One finding, under `code`, per error in a message of OPA. `texts`: path in OPA → (module, its source).

    A message without any place is one finding on the module `usual`.
    """
    found, lines = list[Finding](), message.split("\n")
    for index, line in enumerate(lines):
        match = _ERROR.search(line)
        if match is not None:
            details = _details(lines, index)
            module, source = texts.get(match["path"], (match["path"], ""))
            found.append(_finding(module, Text(source), match, details, code))
    return _distinct(found) or [Finding(usual, 1, 1, code, message[:400], hint_of(code))]


def _details(lines: list[str], index: int) -> list[str]:
    """The indented lines that follow an error."""
    following = []
    for line in lines[index + 1 :]:
        if not line.startswith("\t"):
            break
        following.append(line[1:])
    return following


def _finding(module: str, text: Text, match: re.Match[str], details: list[str], code: str) -> Finding:
    message = match["message"]
    line, column = _place(text, max(1, int(match["line"])), message, details)
    told = message if _caret(details) else " ".join([message, *(detail.strip() for detail in details)])
    return Finding(module, line, column, code, f"{match['code']}: {told}"[:400], hint_of(match["code"]))


def _place(text: Text, line: int, message: str, details: list[str]) -> tuple[int, int]:
    """By the caret under the line that OPA shows; else by the name that the message is about."""
    caret = _caret(details)
    if caret is not None:
        shown, offset = caret
        while line > 1 and text.line(line).lstrip("\t") != shown:
            line -= 1
        tabs = len(text.line(line)) - len(text.line(line).lstrip("\t"))
        return line, tabs + offset + 1
    elsewhere = _ELSEWHERE.search(message)
    line = int(elsewhere[1]) if elsewhere else line
    return line, text.in_line(line, _name_in(message))


def _caret(details: list[str]) -> tuple[str, int] | None:
    """The line shown and how many characters stand before the caret; OPA counts bytes."""
    if len(details) < 2 or details[1].strip() != "^":
        return None
    before = details[0].encode()[: details[1].index("^")]
    return details[0], len(before.decode(errors="ignore"))


def _name_in(message: str) -> str:
    for pattern in _NAMED:
        if match := pattern.search(message):
            return _MARKS.get(match[1], match[1])
    return ""


def _distinct(found: list[Finding]) -> list[Finding]:
    """The first of several errors at one place: OPA repeats what follows from it."""
    kept: dict[tuple[str, int, int], Finding] = {}
    for finding in found:
        kept.setdefault((finding.module, finding.line, finding.column), finding)
    return sorted(kept.values(), key=lambda finding: (finding.module, finding.line, finding.column))
