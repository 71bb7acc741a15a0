"""A pack as a folder: its Rego, its tests, its configuration, its golden cases, its version."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controlplane.cli.exits import CliError, Exit

_TESTS = "_test.rego"
_DOCUMENTS = (".json", ".yaml", ".yml")


@dataclass(frozen=True)
class Folder:
    """What is sent, and which file each module of a finding stands in."""

    pack: str
    body: dict[str, Any]
    files: dict[str, Path]

    def place(self, finding: dict[str, Any]) -> str:
        """`file:line:column`; of a golden case, the number of the case."""
        file = self.files.get(finding["module"])
        return f"{file or finding['module']}:{finding['line']}:{finding['column']}"


def read(folder: Path) -> Folder:
    """`pack.yaml` (`name`, `version`), one `*.rego`, one `*_test.rego`, `data.*`, and cases in `golden.*` or
    `golden/`, the documents as JSON or YAML. All but the Rego may be left out, the version not."""
    if not folder.is_dir():
        raise CliError(f"{folder} is not a folder", Exit.USAGE, "a pack is a folder with its Rego in it")
    about = _document(folder, "pack") or {}
    sources = [path for path in sorted(folder.glob("*.rego")) if not path.name.endswith(_TESTS)]
    tests = sorted(folder.glob(f"*{_TESTS}"))
    if len(sources) != 1 or len(tests) > 1:
        raise CliError(f"{folder} has {len(sources)} packs and {len(tests)} files of tests", Exit.USAGE, "one of each")
    pack = str(about.get("name") or sources[0].stem)
    body = {
        "source": text(sources[0]),
        "tests": text(tests[0]) if tests else "",
        "data": _document(folder, "data") or {},
        "golden": _cases(folder),
        "version": str(about.get("version") or "1.0.0"),
    }
    return Folder(pack, body, _files(folder, pack, sources[0], tests))


def text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"{path} cannot be read: {error}", Exit.USAGE) from error


def _files(folder: Path, pack: str, source: Path, tests: list[Path]) -> dict[str, Path]:
    golden = _found(folder, "golden") or folder / "golden"
    known = {pack: source, f"{pack}/golden": golden, f"{pack}/data": _found(folder, "data") or folder}
    return known | ({f"{pack}/tests": tests[0]} if tests else {})


def _cases(folder: Path) -> list[Any]:
    """Of one file or, in order of their names, of every file in `golden/`."""
    inside = sorted(path for path in (folder / "golden").glob("*") if path.suffix in _DOCUMENTS)
    cases: list[Any] = []
    for path in [*filter(None, [_found(folder, "golden")]), *inside]:
        told = _parsed(path)
        cases += told if isinstance(told, list) else [told]
    return cases


def _document(folder: Path, name: str) -> dict[str, Any] | None:
    path = _found(folder, name)
    told = _parsed(path) if path else None
    if told is not None and not isinstance(told, dict):
        raise CliError(f"{path} is not an object", Exit.USAGE)
    return told


def _found(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}{ending}" for ending in _DOCUMENTS) if path.is_file()), None)


def _parsed(path: Path) -> Any:
    from ruamel.yaml import YAML  # imported late: `interlock --help` stays fast
    from ruamel.yaml.error import YAMLError

    try:
        told = json.loads(text(path)) if path.suffix == ".json" else YAML(typ="safe", pure=True).load(text(path))
        json.dumps(told, allow_nan=False)
    except (ValueError, TypeError, YAMLError) as error:
        raise CliError(f"{path} is neither JSON nor plain YAML: {error}", Exit.USAGE) from error
    return told
