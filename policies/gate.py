"""The static gate: what a pack may not do is refused on its syntax tree, before anything of it runs. Pure.

The tree is OPA's own (`rego.parse_module`), so no way of writing a reference escapes: `http["send"]`, `with … as
http.send` and imports are all the same `ref` in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from policies.places import FIRST, Text
from policies.types import Effect

FORBIDDEN = frozenset(
    {
        *("net.lookup_ip_addr", "net.cidr_expand", "time.now_ns", "rand.intn", "uuid.rfc4122"),
        *("json.match_schema", "json.verify_schema", "trace", "print", "internal.print"),
        *("io.jwt.encode_sign", "io.jwt.encode_sign_raw", "io.jwt.decode_verify"),
    }
)
"""Reaches outside, reads the clock, draws chance, or follows references of a schema to files and addresses."""

FORBIDDEN_FAMILIES = frozenset({"http", "opa", "graphql", "rego", "crypto.x509", "providers"})
RESERVED = frozenset({"main", "lib", "sequences", "default", "system"})
_READABLE = (("interlock", "lib"),)
_EFFECTS = frozenset(effect.value for effect in Effect)

Tree = Mapping[str, Any]


HINTS: Mapping[str, str] = MappingProxyType(
    {
        "bad_name": "A pack is named with small letters, digits and _, and not like a part of Interlock.",
        "forbidden_builtin": "A decision uses its input and its data only: take this from input.context or the data.",
        "foreign_data": "Read data.interlock.lib, your own package and data.interlock.config.<your pack> only.",
        "wrong_package": "Begin the text with the package that is named here.",
        "fraction": "Count in whole numbers of a small unit: money in millionths of a dollar, time in nanoseconds.",
        "foreign_rule": "Name rules interlock.packs.<your pack>.<what it is about>.",
        "platform_code": "Interlock itself uses this reason code: choose another.",
        "unknown_effect": "An effect is DENY, THROTTLE, REQUIRE_STEP_UP, REQUIRE_HITL, ROUTE or ALLOW.",
        "does_not_parse": "Correct the text at this place.",
        "does_not_compile": "Correct the text at this place.",
        "does_not_evaluate": "A rule fails on a plain question: guard it against members that are not there.",
        "test_failed": "The rule must be true: correct it or what it tests.",
        "no_tests": "Write at least one rule test_… or one case, so that it can be seen what the pack is for.",
        "golden_failed": "Correct the policy, or the case if the world has changed.",
        "bad_enforcement": 'Write {"<rule>": "observe"} or "enforce" for rules of this pack.',
        "bad_case": "A case is {name, input, expect: {effect, codes}}; its input is laid over a plain tool call.",
        "coverage_too_low": "Test these lines, or remove them.",
        "grants_everything": "Name the workflow and the tools that are granted.",
        "bump_too_small": "Declare at least the version that is named here.",
        "nothing_changed": "Change something, or withdraw the draft.",
        "base_moved": "Look at what is active now, then save the draft again on top of it.",
        "rego_parse_error": "Correct the text at this place; the Rego is that of OPA 1.x.",
        "rego_unsafe_var_error": "Give the name a value before it is used, import it, or correct its spelling.",
        "rego_type_error": "Correct the name, the number of arguments or their types.",
        "rego_recursion_error": "A rule may not depend on itself: break the circle.",
        "rego_compile_error": "Correct the text at this place.",
    }
)
"""What to do about each code."""

PLATFORM_CODES = frozenset(
    {
        *("default_deny", "bundle_expired", "bad_finding", "bundle_missing", "bundle_stale", "bundle_invalid"),
        *("bad_input", "bad_decision", "obligation_unsupported"),
    }
)
_PLATFORM_CODE_PREFIX = "pdp_"


def hint_of(code: str) -> str:
    return HINTS.get(code, HINTS["does_not_compile"])


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to change. `module`: `<pack>`, `<pack>/tests`, `<pack>/golden` or `bundle`; `line` and `column` count
    from 1 (of a golden case `line` is its number); `code` is stable, `message` says what is wrong, `hint` what to do.
    """

    module: str
    line: int
    column: int
    code: str
    message: str
    hint: str


def finding(module: str, code: str, message: str, place: tuple[int, int] = FIRST) -> Finding:
    return Finding(module, *place, code, message[:400], hint_of(code))


def inspect_pack(name: str, tree: Tree, source: str = "") -> list[Finding]:
    """Findings for the Rego of a pack; an empty list means it may be signed."""
    text = Text(source)
    found = _inspect(name, tree, text, package=("interlock", "packs", name), readable=_own(name))
    return _sorted([*found, *_imitations(name, tree, text), *_fractions(name, tree, text)])


def inspect_tests(name: str, tree: Tree, source: str = "") -> list[Finding]:
    """Findings for the tests of a pack, which may read every part of `interlock`."""
    module, package = f"{name}/tests", ("interlock", "tests", name)
    return _sorted(_inspect(module, tree, Text(source), package=package, readable=(("interlock",),)))


def inspect_platform(name: str, tree: Tree) -> list[Finding]:
    """Findings for our own modules: the same forbidden builtins, any place under `interlock`."""
    return _sorted(_inspect(name, tree, Text(""), package=None, readable=(("interlock",),)))


def _own(name: str) -> tuple[tuple[str, ...], ...]:
    return (*_READABLE, ("interlock", "packs", name), ("interlock", "config", name))


def _sorted(found: list[Finding]) -> list[Finding]:
    return sorted(set(found), key=lambda f: (f.line, f.column, f.code, f.message))


def _inspect(
    module: str, tree: Tree, text: Text, *, package: tuple[str, ...] | None, readable: tuple[tuple[str, ...], ...]
) -> list[Finding]:
    found = [
        finding(module, code, ".".join(path), place)
        for code, path in set(_references(tree, readable))
        for place in text.of_reference(path)
    ]
    declared = _constant_path(tree.get("package", {}).get("path", []))[1:]
    if package is not None and declared != package:
        said = f"package {'.'.join(declared)}, where {'.'.join(package)} belongs"
        found.append(finding(module, "wrong_package", said, text.of_package()))
    return found


def _references(tree: Tree, readable: tuple[tuple[str, ...], ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    body = {key: part for key, part in tree.items() if key != "package"}
    for reference in _walk(body):
        path = _constant_path(reference)
        if _forbidden(".".join(path)):
            yield "forbidden_builtin", path
        if path[:1] == ("data",) and not any(path[1 : 1 + len(room)] == room for room in readable):
            yield "foreign_data", path


def _imitations(name: str, tree: Tree, text: Text) -> Iterator[Finding]:
    """Findings and grants that claim to be ours, as far as they are written out; `interlock.main` sees the rest."""
    for members in _literals(tree):
        rule, code, effect = (members.get(key, "") for key in ("rule", "code", "effect"))
        if rule.startswith("interlock.") and not _is_own_rule(name, rule):
            yield from (finding(name, "foreign_rule", rule, place) for place in text.of_string(rule))
        if effect and (code in PLATFORM_CODES or code.startswith(_PLATFORM_CODE_PREFIX)):
            yield from (finding(name, "platform_code", code, place) for place in text.of_string(code))
        if rule and effect and effect not in _EFFECTS:
            yield from (finding(name, "unknown_effect", effect, place) for place in text.of_string(effect))


def _is_own_rule(name: str, rule: str) -> bool:
    own = f"interlock.packs.{name}"
    return rule == own or rule.startswith(f"{own}.")


def _fractions(name: str, tree: Tree, text: Text) -> Iterator[Finding]:
    """Numbers with a fraction: their comparison is exact in OPA and nowhere else, and no document carries them."""
    if any(isinstance(part.get("value"), float) for part in _nodes(tree) if part.get("type") == "number"):
        yield from (finding(name, "fraction", "a number with a fraction", place) for place in text.of_fractions())


def _literals(tree: Tree) -> Iterator[dict[str, str]]:
    """Of every object that is written out, its members that are texts under constant names."""
    for node in _nodes(tree):
        if node.get("type") == "object" and isinstance(node.get("value"), list):
            pairs = [pair for pair in node["value"] if all(term.get("type") == "string" for term in pair)]
            yield {str(key["value"]): str(value["value"]) for key, value in pairs}


def _nodes(tree: Any) -> Iterator[Mapping[str, Any]]:
    pending = [tree]
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            yield part
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)


def _forbidden(name: str) -> bool:
    if name == "rego.v1":  # the import that only says which Rego this is
        return False
    return name in FORBIDDEN or any(name == family or name.startswith(f"{family}.") for family in FORBIDDEN_FAMILIES)


def _walk(node: Any) -> Iterator[list[Any]]:
    """Every reference in the tree, as the list of its terms; a lone variable is a reference of one term. What a
    reference begins with may be a whole call: `http.send({}).body`."""
    pending = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            if part.get("type") == "ref" and isinstance(part.get("value"), list):
                first, *rest = part["value"]
                yield part["value"]
                pending.extend(rest if first.get("type") == "var" else part["value"])
            elif part.get("type") == "var":
                yield [part]
            else:
                pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)


def _constant_path(terms: list[Any]) -> tuple[str, ...]:
    """The leading constant part of a reference; what is computed ends it."""
    path: list[str] = []
    for position, term in enumerate(terms):
        constant = "var" if position == 0 else "string"
        if not isinstance(term, Mapping) or term.get("type") != constant:
            break
        path.append(str(term["value"]))
    return tuple(path)
