"""Where in a Rego text a reference, a text or a number stands. Pure.

OPA's syntax trees say what is written and not where; the place is found in the text itself. Lines and columns count
from 1, columns in characters.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<template>\$["`])
      | (?P<raw>`[^`]*`)
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
FIRST = (1, 1)


@dataclass(frozen=True, slots=True)
class Token:
    """`kind`: name, string, number or mark; `text` of a string is what it says, without its quotes."""

    kind: str
    text: str
    line: int
    column: int

    @property
    def place(self) -> tuple[int, int]:
        return self.line, self.column


class _Template:
    """A template that is being read: its quote, and how many braces of its code are open."""

    def __init__(self, quote: str) -> None:
        self.quote = quote
        self._depth = 0

    def ends(self, mark: str) -> bool:
        """Whether this mark closes the code, so that text follows."""
        self._depth += {"{": 1, "}": -1}.get(mark, 0)
        over = self._depth < 0
        self._depth = max(self._depth, 0)
        return over


class Text:
    """A Rego text and the places in it."""

    def __init__(self, source: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", source))]
        self._source = source
        self.tokens = list(self._scan())

    def of_reference(self, path: tuple[str, ...]) -> list[tuple[int, int]]:
        """Every place where exactly this reference begins, else where one begins that starts like it."""
        found = list(self._references())
        exact = [place for known, place in found if known == path]
        near = [place for known, place in found if known[: len(path)] == path or path[: len(known)] == known]
        return exact or near or [FIRST]

    def of_string(self, said: str) -> list[tuple[int, int]]:
        return [token.place for token in self.tokens if token.kind == "string" and token.text == said] or [FIRST]

    def of_fractions(self) -> list[tuple[int, int]]:
        """Numbers that are not written as whole ones."""
        return [t.place for t in self.tokens if t.kind == "number" and not t.text.isdigit()]

    def of_package(self) -> tuple[int, int]:
        found = (token.place for token in self.tokens if token.text == "package")
        return next(found, FIRST)

    def of_rule(self, name: str) -> tuple[int, int]:
        """Where a rule of that name begins: at the start of a line."""
        named = [token for token in self.tokens if token.kind == "name" and token.text == name]
        return next((token.place for token in named if token.column == 1), named[0].place if named else FIRST)

    def in_line(self, line: int, name: str) -> int:
        """The column of a reference, name or mark in a line; of the first thing in it when that is not there."""
        whole = (at[1] for path, at in self._references() if at[0] == line and ".".join(path) == name)
        column = next(whole, 0)
        return column or self._of_word(line, name)

    def _of_word(self, line: int, name: str) -> int:
        here = [token for token in self.tokens if token.line == line]
        last = name.rpartition(".")[2]
        wanted = (token.column for token in here if token.text in (name, last))
        return next(wanted, here[0].column if here else 1)

    def line(self, number: int) -> str:
        lines = self._source.split("\n")
        return lines[number - 1] if 1 <= number <= len(lines) else ""

    def _references(self) -> Iterator[tuple[tuple[str, ...], tuple[int, int]]]:
        for index, token in enumerate(self.tokens):
            if token.kind == "name" and (index == 0 or self.tokens[index - 1].text != "."):
                yield self._path(index), token.place

    def _path(self, index: int) -> tuple[str, ...]:
        """The constant parts from a name on: `a.b`, `a["b"]`."""
        path, at = [self.tokens[index].text], index + 1
        while at + 1 < len(self.tokens):
            mark, part = self.tokens[at], self.tokens[at + 1]
            dotted = mark.text == "." and part.kind == "name"
            closed = at + 2 < len(self.tokens) and self.tokens[at + 2].text == "]"
            if not dotted and not (mark.text == "[" and part.kind == "string" and closed):
                break
            path.append(part.text)
            at += 2 if dotted else 3
        return tuple(path)

    def _scan(self) -> Iterator[Token]:
        """Tokens in order. What stands in braces inside a `$"template"` is code like any other."""
        at, open_templates = 0, list[_Template]()
        while match := _TOKEN.match(self._source, at):
            kind, text, at = str(match.lastgroup), match.group(), match.end()
            if kind == "template":
                open_templates.append(_Template(text[1]))
            resumes = kind == "template" or (kind == "mark" and bool(open_templates) and open_templates[-1].ends(text))
            if resumes:
                at = self._code_in_template(at, open_templates)
            elif kind != "space":
                yield self._token(kind, text, match.start())

    def _code_in_template(self, at: int, open_templates: list["_Template"]) -> int:
        """Just after the next opening brace of the innermost template, or after its end."""
        quote = open_templates[-1].quote
        while at < len(self._source):
            letter = self._source[at]
            at += 2 if letter == "\\" else 1
            if letter == quote:
                open_templates.pop()
            if letter in (quote, "{"):
                break
        return at

    def _token(self, kind: str, text: str, at: int) -> Token:
        line = self._line_of(at)
        said = {"raw": lambda: text[1:-1], "string": lambda: _unquoted(text)}.get(kind, lambda: text)()
        return Token("string" if kind == "raw" else kind, said, line, at - self._starts[line - 1] + 1)

    def _line_of(self, at: int) -> int:
        return bisect_right(self._starts, at)


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1]
