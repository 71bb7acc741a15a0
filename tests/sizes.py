"""No file over 500 lines, no function over 50 lines of logic. Run by `make check`."""

import ast
import subprocess
import sys
from pathlib import Path

LONGEST_FILE = 500
LONGEST_FUNCTION = 50


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.py"], capture_output=True, text=True, check=True).stdout
    return [Path(line) for line in listed.splitlines() if "/migrations/" not in line and Path(line).exists()]


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first to the last statement, without the docstring."""
    body = function.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def problems(path: Path) -> list[str]:
    text = path.read_text()
    found = []
    if (lines := text.count("\n")) > LONGEST_FILE:
        found.append(f"{path}: {lines} lines, at most {LONGEST_FILE}")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _length(node) > LONGEST_FUNCTION:
            found.append(f"{path}:{node.lineno}: {node.name} has {_length(node)} lines, at most {LONGEST_FUNCTION}")
    return found


if __name__ == "__main__":
    everything = [line for path in _tracked() for line in problems(path)]
    print("\n".join(everything) or "sizes: within the limits")  # noqa: T201
    sys.exit(bool(everything))
