"""Where in a bundle the rule stands that gave a reason. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PACKAGE = re.compile(r"^package\s+([A-Za-z0-9_.]+)", re.MULTILINE)
_NEAR = 6
"""Lines between the code of a finding and the name of its rule."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a module; lines count from 1."""

    module: str
    line: int


def place_of(modules: Mapping[str, str], rule: str, code: str) -> Place | None:
    """The line that names the code, in the module whose package the rule is of; else that package's line."""
    module = _module_of(modules, rule)
    if module is None:
        return None
    lines = modules[module].splitlines()
    named = [number for number, text in enumerate(lines, start=1) if f'"{code}"' in text]
    near = [number for number in named if any(f'"{rule}"' in text for text in _around(lines, number))]
    first = next(iter(near or named), None) or _package_line(lines)
    return Place(module, first)


def _module_of(modules: Mapping[str, str], rule: str) -> str | None:
    """The module with the longest package that the rule's name begins with."""
    packages = {path: found.group(1) for path, source in modules.items() if (found := _PACKAGE.search(source))}
    fitting = [path for path, package in packages.items() if rule == package or rule.startswith(f"{package}.")]
    return max(fitting, key=lambda path: len(packages[path]), default=None)


def _around(lines: list[str], number: int) -> list[str]:
    return lines[max(number - 1 - _NEAR, 0) : number + _NEAR]


def _package_line(lines: list[str]) -> int:
    return next((number for number, text in enumerate(lines, start=1) if text.startswith("package")), 1)
