"""Encoded queries: `field OP value` joined by `^`, with `^OR`, `^NQ` and ORDERBY.

As at the vendor, a clause that makes no sense is dropped silently, so that more rows come back than were
asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

Read = Callable[[str], str | None]
OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "NOT IN": lambda value, wanted: value not in wanted.split(","),
    "STARTSWITH": lambda value, wanted: value.lower().startswith(wanted.lower()),
    "ENDSWITH": lambda value, wanted: value.lower().endswith(wanted.lower()),
    "ISNOTEMPTY": lambda value, _: value != "",
    "ISEMPTY": lambda value, _: value == "",
    "NOT LIKE": lambda value, wanted: wanted.lower() not in value.lower(),
    "LIKE": lambda value, wanted: wanted.lower() in value.lower(),
    "IN": lambda value, wanted: value in wanted.split(","),
    "!=": lambda value, wanted: value.lower() != wanted.lower(),
    ">=": lambda value, wanted: value >= wanted,
    "<=": lambda value, wanted: value <= wanted,
    "=": lambda value, wanted: value.lower() == wanted.lower(),
    ">": lambda value, wanted: value > wanted,
    "<": lambda value, wanted: value < wanted,
}
CLAUSE = re.compile(r"^([a-z_.0-9]+)(" + "|".join(OPERATORS) + r")(.*)$", re.DOTALL)


@dataclass(frozen=True)
class Clause:
    field: str
    operator: str
    value: str

    def holds(self, read: Read) -> bool:
        return OPERATORS[self.operator](read(self.field) or "", self.value)


@dataclass(frozen=True)
class Query:
    """`alternatives` are joined by NQ; each is an AND of OR-groups. `order` is (field, descending)."""

    alternatives: list[list[list[Clause]]]
    order: list[tuple[str, bool]]

    def matches(self, read: Read) -> bool:
        return any(
            all(any(clause.holds(read) for clause in group) for group in alternative)
            for alternative in self.alternatives
        )


def parse(text: str, known: Callable[[str], bool]) -> Query:
    alternatives = [_alternative(part, known) for part in text.split("^NQ")]
    order = [(name, bool(down)) for down, name in re.findall(r"(?:^|\^)ORDERBY(DESC)?([a-z_.]+)", text)]
    return Query(alternatives, [(name, down) for name, down in order if known(name)])


def _alternative(text: str, known: Callable[[str], bool]) -> list[list[Clause]]:
    groups: list[list[Clause]] = []
    for token in filter(None, text.split("^")):
        joined = token.startswith("OR") and not token.startswith("ORDERBY")
        clause = _clause(token[2:] if joined else token, known)
        if clause is None:
            continue
        if joined and groups:
            groups[-1].append(clause)
        else:
            groups.append([clause])
    return groups


def _clause(token: str, known: Callable[[str], bool]) -> Clause | None:
    found = CLAUSE.match(token)
    return Clause(*found.groups()) if found and known(found[1]) else None
