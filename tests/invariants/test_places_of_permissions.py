"""What belongs to an environment is asked about there: no question names its permission and a workspace alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tenants.roles import OF_ENVIRONMENT

ROOT = Path(__file__).parents[2]
APPS = ("approvals", "connectors", "controlplane", "evidence", "metering", "policies", "tenants", "workflows")
ARGUMENTS = {"require": 4, "holds": 4, "held": 3}
"""With the environment."""
OF_WORKSPACES = {
    ("approvals/access.py", "colleague"): "looking",
    ("approvals/delegating.py", "_concerned"): "administering",
    ("connectors/access.py", "call"): "looking",
    ("connectors/access.py", "calls_of_run"): "looking",
    ("controlplane/api/identity.py", "get"): "tells what is held of workspaces",
    ("evidence/access.py", "_may_see"): "looking, exporting",
    ("tenants/access.py", "workspace"): "looking",
    ("tenants/access.py", "workspaces"): "looking, costs, exporting",
    ("tenants/halts.py", "_authorise"): "a halt of more than environments; of them `_held_there` has asked before",
    ("workflows/redriving.py", "plan"): "the refusal of whoever operates no environment of it",
}
"""Questions about a workspace alone, and what they are about."""


def _questions() -> Iterator[tuple[str, str, ast.Call]]:
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(function, ast.FunctionDef):
                    yield from ((path.relative_to(ROOT).as_posix(), function.name, call) for call in _calls(function))


def _calls(function: ast.FunctionDef) -> list[ast.Call]:
    """Those of permissions: their first argument is an actor."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and node.args]
    return [call for call in calls if _name(call) in ARGUMENTS and ast.unparse(call.args[0]).endswith("actor")]


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _of_an_environment(call: ast.Call) -> bool:
    """Named in the question, or not to be told from it."""
    if _name(call) == "held":
        return True
    asked = ast.unparse(call.args[1])
    return not asked.startswith("Perm.") or any(asked == f"Perm.{perm.name}" for perm in OF_ENVIRONMENT)


def test_permissions_of_environments_are_asked_for_in_one() -> None:
    asked = [(where, name, call) for where, name, call in _questions() if _of_an_environment(call)]
    short = {(where, name) for where, name, call in asked if len(call.args) < ARGUMENTS[_name(call)]}
    assert short - {("tenants/permissions.py", "holds"), ("tenants/permissions.py", "require")} == set(OF_WORKSPACES)
    assert len(asked) > 25
