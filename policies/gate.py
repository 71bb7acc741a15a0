"""The static gate: what a pack may not do is refused on its syntax tree, before anything of it runs. Pure.

The tree is OPA's own (`rego.parse_module`), so no way of writing a reference escapes: `http["send"]`, `with … as
http.send` and imports are all the same `ref` in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FORBIDDEN = frozenset(
    {
        *("net.lookup_ip_addr", "net.cidr_expand", "time.now_ns", "rand.intn", "uuid.rfc4122"),
        *("json.match_schema", "json.verify_schema", "trace", "print", "internal.print"),
        *("io.jwt.encode_sign", "io.jwt.encode_sign_raw", "io.jwt.decode_verify"),
    }
)
"""Reaches outside, reads the clock, draws chance, or follows references of a schema to files and addresses."""

FORBIDDEN_FAMILIES = frozenset({"http", "opa", "graphql", "rego", "crypto.x509", "providers"})
RESERVED = frozenset({"main", "lib", "default", "system"})
_READABLE = (("interlock", "lib"),)

Tree = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to change: the module, a code, and what was found."""

    module: str
    code: str
    detail: str


def inspect_pack(name: str, tree: Tree) -> list[Finding]:
    """Findings for the Rego of a pack; an empty list means it may be signed."""
    return _inspect(name, tree, package=("interlock", "packs", name), readable=_own(name))


def inspect_tests(name: str, tree: Tree) -> list[Finding]:
    """Findings for the tests of a pack, which may read every part of `interlock`."""
    return _inspect(f"{name} tests", tree, package=("interlock", "tests", name), readable=(("interlock",),))


def inspect_platform(name: str, tree: Tree) -> list[Finding]:
    """Findings for our own modules: the same forbidden builtins, any place under `interlock`."""
    return _inspect(name, tree, package=None, readable=(("interlock",),))


def _own(name: str) -> tuple[tuple[str, ...], ...]:
    return (*_READABLE, ("interlock", "packs", name), ("interlock", "config", name))


def _inspect(
    module: str, tree: Tree, *, package: tuple[str, ...] | None, readable: tuple[tuple[str, ...], ...]
) -> list[Finding]:
    found = [Finding(module, code, detail) for code, detail in _references(tree, readable)]
    declared = _constant_path(tree.get("package", {}).get("path", []))[1:]
    if package is not None and declared != package:
        found.append(Finding(module, "wrong_package", ".".join(declared)))
    return sorted(set(found), key=lambda f: (f.code, f.detail))


def _references(tree: Tree, readable: tuple[tuple[str, ...], ...]) -> Iterator[tuple[str, str]]:
    body = {key: part for key, part in tree.items() if key != "package"}
    for reference in _walk(body):
        path = _constant_path(reference)
        name = ".".join(path)
        if _forbidden(name):
            yield "forbidden_builtin", name
        if path[:1] == ("data",) and not any(path[1 : 1 + len(room)] == room for room in readable):
            yield "foreign_data", name


def _forbidden(name: str) -> bool:
    if name == "rego.v1":  # the import that only says which Rego this is
        return False
    return name in FORBIDDEN or any(name == family or name.startswith(f"{family}.") for family in FORBIDDEN_FAMILIES)


def _walk(node: Any) -> Iterator[list[Any]]:
    """Every reference in the tree, as the list of its terms; a lone variable is a reference of one term."""
    pending = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            if part.get("type") == "ref" and isinstance(part.get("value"), list):
                yield part["value"]
                pending.extend(part["value"][1:])
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
