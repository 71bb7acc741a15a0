"""How much a pack changed, and which version that asks for. Pure; the rules are those of ADR 0024.

Read from the syntax trees, which know neither comments nor layout. `major`: somebody who relies on the pack may
be surprised (a rule, code or obligation is gone, an effect is looser). `minor`: something is new, stricter or
decided on other conditions. `patch`: only texts for people, tests and cases differ.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from controlplane.lib.canonical import sha256_hex
from policies.types import Effect, PackSource

_SEMVER = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")
FIRST_VERSION = "1.0.0"
_SETS = frozenset({"grants", "undo_grants", "findings", "undo_findings", "step_findings", "post_findings"})
_FOR_PEOPLE = frozenset({"message", "title", "description"})
_STRICTNESS = {effect.value: rank for rank, effect in enumerate(reversed(Effect))}
_COMPUTED = "(computed)"
_ENFORCEMENT, _OBSERVE = "enforcement", "observe"

Tree = Mapping[str, Any]


class Bump(IntEnum):
    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One difference, and how much it asks for."""

    bump: Bump
    what: str

    def told(self) -> dict[str, str]:
        return {"bump": self.bump.name.lower(), "what": self.what}


@dataclass(frozen=True, slots=True)
class Surface:
    """What a pack promises: per contributed rule and code its effects and obligations; which rules are only observed;
    and all the rest, as digests."""

    entries: Mapping[tuple[str, str, str], "Entry"]
    bodies: str
    config: Mapping[str, str]
    observed: frozenset[str]


@dataclass(slots=True)
class Entry:
    effects: set[str] = field(default_factory=set)
    obligations: set[str] = field(default_factory=set)


def parse(version: str) -> tuple[int, int, int] | None:
    """Major, minor and patch; None for anything else (no pre-releases: what is active is released)."""
    match = _SEMVER.fullmatch(version)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def least(before: str, bump: Bump) -> str:
    """The smallest version after `before` that says so much."""
    major, minor, patch = parse(before) or (0, 0, 0)
    following = {
        Bump.NONE: (major, minor, patch),
        Bump.PATCH: (major, minor, patch + 1),
        Bump.MINOR: (major, minor + 1, 0),
        Bump.MAJOR: (major + 1, 0, 0),
    }
    return ".".join(map(str, following[bump]))


def suffices(before: str, after: str, bump: Bump) -> bool:
    """Whether `after` is large enough for a change of `bump` to what was `before`."""
    old, new = parse(before) or (0, 0, 0), parse(after)
    if new is None or new <= old:
        return False
    made = Bump.MAJOR if new[0] > old[0] else Bump.MINOR if new[1] > old[1] else Bump.PATCH
    return made >= bump


def changes(before: PackSource, old: Tree, after: PackSource, new: Tree) -> list[Change]:
    """What differs, the largest first; [] when both say the same."""
    was, now = surface(before, old), surface(after, new)
    found = [*_entries(was, now), *_config(was, now)]
    if was.bodies != now.bodies and not found:
        found.append(Change(Bump.MINOR, "the conditions of rules"))
    if not found and before.source != after.source:
        found.append(Change(Bump.PATCH, "texts for people, comments or layout"))
    if (before.tests, list(before.golden)) != (after.tests, list(after.golden)):
        found.append(Change(Bump.PATCH, "tests or golden cases"))
    return sorted(found, key=lambda change: (-change.bump, change.what))


def bump_of(found: list[Change]) -> Bump:
    return max((change.bump for change in found), default=Bump.NONE)


def surface(pack: PackSource, tree: Tree) -> Surface:
    rules = tree.get("rules", [])
    constants = {_name(rule): rule["head"]["value"] for rule in rules if "value" in rule.get("head", {})}
    entries: dict[tuple[str, str, str], Entry] = defaultdict(Entry)
    for rule in rules:
        for member in _contributed(rule, constants):
            _note(entries, _name(rule), member)
    bodies = sha256_hex(repr(sorted(repr(_silent(rule)) for rule in rules)).encode())
    config = {name: sha256_hex(repr(value).encode()) for name, value in pack.data.items() if name != _ENFORCEMENT}
    return Surface(entries, bodies, config, _observed(pack.data.get(_ENFORCEMENT, {})))


def _observed(modes: Any) -> frozenset[str]:
    listed = modes.items() if isinstance(modes, Mapping) else ()
    return frozenset(str(rule) for rule, mode in listed if mode == _OBSERVE)


def _entries(was: Surface, now: Surface) -> Iterator[Change]:
    for key in sorted({*was.entries, *now.entries}):
        told = " ".join(part for part in key if part)
        if key not in now.entries:
            yield Change(Bump.MAJOR, f"{told}: gone or renamed")
        elif key not in was.entries:
            yield Change(Bump.MINOR, f"{told}: new")
        else:
            yield from _entry(told, was.entries[key], now.entries[key])


def _entry(told: str, was: Entry, now: Entry) -> Iterator[Change]:
    if was.effects != now.effects:
        looser = _loosest(now.effects) < _loosest(was.effects)
        said = f"{told}: {_listed(was.effects)} became {_listed(now.effects)}"
        yield Change(Bump.MAJOR if looser else Bump.MINOR, said)
    for gone in sorted(was.obligations - now.obligations):
        yield Change(Bump.MAJOR, f"{told}: obligation {gone} is gone")
    for new in sorted(now.obligations - was.obligations):
        yield Change(Bump.MINOR, f"{told}: obligation {new} is new")


def _config(was: Surface, now: Surface) -> Iterator[Change]:
    yield from (Change(Bump.MAJOR, f"{rule}: only observed") for rule in sorted(now.observed - was.observed))
    yield from (Change(Bump.MINOR, f"{rule}: enforced") for rule in sorted(was.observed - now.observed))
    for name in sorted({*was.config, *now.config}):
        if name not in now.config:
            yield Change(Bump.MAJOR, f"configuration {name}: gone or renamed")
        elif name not in was.config:
            yield Change(Bump.MINOR, f"configuration {name}: new")
        elif was.config[name] != now.config[name]:
            yield Change(Bump.MINOR, f"configuration {name}: another value")


def _loosest(effects: set[str]) -> int:
    return min((_STRICTNESS.get(effect, 0) for effect in effects), default=0)


def _listed(effects: set[str]) -> str:
    return ", ".join(sorted(effects)) or "a grant"


def _name(rule: Tree) -> str:
    head = rule.get("head", {})
    return str(head.get("name") or next((term.get("value", "") for term in head.get("ref", [])), ""))


def _contributed(rule: Tree, constants: Mapping[str, Tree]) -> Iterator[Tree]:
    """The members that a rule puts into a set of the contract; a name stands for the constant that it names."""
    if _name(rule) in _SETS and (key := rule.get("head", {}).get("key")) is not None:
        yield constants.get(str(key.get("value")), key) if key.get("type") == "var" else key


def _note(entries: dict[tuple[str, str, str], Entry], into: str, member: Tree) -> None:
    told = {_constant(name): value for name, value in _pairs(member)}
    entry = entries[into, _constant(told.get("rule", {})), _constant(told.get("code", {})) if "code" in told else ""]
    observed = _ENFORCEMENT in told and _constant(told[_ENFORCEMENT]) == _OBSERVE
    if "effect" in told:
        entry.effects.add(_OBSERVE if observed else _constant(told["effect"]))
    if "obligations" in told:
        entry.obligations.add(_obligations(told["obligations"]))


def _obligations(term: Tree) -> str:
    """What is asked, as far as it is written out: names, texts and numbers in their order."""
    parts = [_written(node) for node in _walk(term)]
    return " ".join(part for part in parts if part) or _COMPUTED


def _written(node: Tree) -> str:
    value = node.get("value")
    if node.get("type") == "ref" and isinstance(value, list):
        return ".".join(str(part.get("value")) for part in value)
    return str(value) if node.get("type") in ("string", "number", "boolean") else ""


def _pairs(term: Tree) -> list[Any]:
    value = term.get("value")
    written = term.get("type") == "object" and isinstance(value, list)
    return [pair for pair in value or [] if len(pair) == 2] if written else []


def _constant(term: Tree) -> str:
    return str(term["value"]) if term.get("type") == "string" else _COMPUTED


def _walk(node: Any) -> Iterator[Tree]:
    pending = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            yield part
        inside = list(part.values()) if isinstance(part, Mapping) else part if isinstance(part, list) else []
        pending.extend(reversed(inside))


def _silent(node: Any) -> Any:
    """The tree without what only people read."""
    if isinstance(node, Mapping):
        if node.get("type") == "object" and isinstance(node.get("value"), list):
            kept = [pair for pair in node["value"] if _constant(pair[0]) not in _FOR_PEOPLE]
            return {"type": "object", "value": _silent(kept)}
        return {name: _silent(part) for name, part in node.items() if name not in ("annotations", "location")}
    return [_silent(part) for part in node] if isinstance(node, list) else node
