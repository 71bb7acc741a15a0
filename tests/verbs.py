"""The verbs of the product, read from its source: functions whose whole body is one durable transaction.

Calls are followed through the imports of each module, so a road that is found is a road that is there.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
APPS = ("tenants", "evidence", "metering", "policies", "approvals", "connectors", "workflows", "controlplane")
RECORD = frozenset(
    {
        "evidence.services.record",
        "evidence.services.record_many",
        "evidence.services.close_run",
        "evidence.recording.write_many",
        "tenants.ports.record.get",
    }
)
"""Where events are written."""


def verbs() -> list[str]:
    """Every verb as `module.function`."""
    return sorted(path for path, node in _functions().items() if _is_verb(node))


def roads(path: str) -> set[str]:
    """Everything of ours that the function calls, directly or through others."""
    seen: set[str] = set()
    waiting = {path}
    while waiting:
        seen |= waiting
        waiting = {called for one in waiting for called in _calls(one)} - seen
    return seen - {path}


def records(path: str) -> bool:
    return bool(roads(path) & RECORD)


def _is_verb(node: ast.FunctionDef) -> bool:
    return "transaction.atomic(durable=True)" in {ast.unparse(one) for one in node.decorator_list}


@cache
def _modules() -> Mapping[str, ast.Module]:
    found = {}
    for path in (path for app in APPS for path in sorted((ROOT / app).rglob("*.py"))):
        inside = path.relative_to(ROOT).with_suffix("")
        if "migrations" not in inside.parts:
            found[".".join(inside.parts).removesuffix(".__init__")] = ast.parse(path.read_text(encoding="utf-8"))
    return found


@cache
def _functions() -> Mapping[str, ast.FunctionDef]:
    """Functions and methods by `module.name` and `module.Class.name`."""
    return {f"{module}.{name}": node for module, tree in _modules().items() for name, node in _definitions(tree)}


def _definitions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{one.name}", one) for one in node.body if isinstance(one, ast.FunctionDef))


@cache
def _imports(module: str) -> Mapping[str, str]:
    """What the names of a module stand for, imports inside functions included."""
    found = {}
    for node in ast.walk(_modules()[module]):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return found


@cache
def _calls(path: str) -> frozenset[str]:
    if path not in _functions():
        return frozenset()
    module = next(name for name in (path.rpartition(".")[0], path.rsplit(".", 2)[0]) if name in _modules())
    own = path.removeprefix(f"{module}.").rpartition(".")[0]
    called = (part for part in ast.walk(_functions()[path]) if isinstance(part, ast.Name | ast.Attribute))
    return frozenset(_resolved(module, own, ast.unparse(part)) for part in called)


def _resolved(module: str, own: str, name: str) -> str:
    """`verbs.do` as the function that it stands for in this module; methods of the same class are found too."""
    first, dot, rest = name.partition(".")
    if first == "self" and own:
        return f"{module}.{own}.{rest}"
    base = _imports(module).get(first, f"{module}.{first}")
    return _home(f"{base}{dot}{rest}")


def _home(path: str) -> str:
    """Through packages that hand on what they import."""
    module, _, name = path.rpartition(".")
    handed_on = _imports(module).get(name) if module in _modules() and path not in _functions() else None
    return handed_on or path
