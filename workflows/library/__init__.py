"""Workflows that come with the product, as sources to publish or to start from. Pure."""

from pathlib import Path

from workflows.errors import WorkflowUnknown

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """`name-version` of every workflow of the library."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def source(name: str) -> str:
    """The YAML of the newest version of a workflow; raises WorkflowUnknown."""
    versions = [stem for stem in names() if stem.rpartition("-")[0] == name]
    if not versions:
        raise WorkflowUnknown(f"the library has no {name}; it has {', '.join(names())}")
    newest = max(versions, key=lambda stem: [int(part) for part in stem.rpartition("-")[2].split(".")])
    return (_FOLDER / f"{newest}.yaml").read_text(encoding="utf-8")
