"""YAML 1.2 source into plain JSON values, each with its line and column.

Only what JSON can say is let through: no anchors or aliases (a few lines could unfold into gigabytes), no
tags, no duplicate keys, no floats and dates (they have no canonical form), bounded size and depth.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from controlplane.lib.canonical import Json
from workflows.definition.findings import DefinitionRefused, Finding, Place

MAX_BYTES = 256 * 1024
MAX_DEPTH = 24

Path: TypeAlias = tuple[str | int, ...]

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,14}")  # within ±2^53, as RFC 8785 wants it
_TAG = "tag:yaml.org,2002:"
_SAY = {
    "float": "write the number as an integer, or quote it",
    "timestamp": "quote the date",
    "binary": "quote the text",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed file: its value, and where each member of it stands."""

    file: str
    value: Json
    marks: dict[Path, tuple[int, int]]
    text: str = field(default="", repr=False)

    def place(self, *path: str | int) -> Place:
        """The position of a member, or of the nearest ancestor that the file has."""
        while path and path not in self.marks:
            path = path[:-1]
        line, column = self.marks.get(path, (1, 1))
        return Place(self.file, line, column)


def parse(text: str, *, file: str) -> Source:
    """Read one YAML document; raises `DefinitionRefused` with the first problem."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _refusal("too_large", f"more than {MAX_BYTES} bytes", "split the definition", file, 1, 1)
    root = _compose(text, file)
    marks: dict[Path, tuple[int, int]] = {}
    value = _Reader(file, marks).read(root, ())
    return Source(file, value, marks, text)


def _compose(text: str, file: str) -> Node:
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = error.problem or "not YAML"
        raise _refusal("not_yaml", problem, "correct the syntax", file, line, column) from error
    except (YAMLError, ValueError, UnicodeError) as error:
        raise _refusal("not_yaml", str(error), "save the file as UTF-8 YAML", file, 1, 1) from error
    if root is None:
        raise _refusal("empty", "the file is empty", "start with `apiVersion:`", file, 1, 1)
    return cast(Node, root)


class _Reader:
    def __init__(self, file: str, marks: dict[Path, tuple[int, int]]) -> None:
        self._file = file
        self._marks = marks
        self._seen: set[int] = set()

    def read(self, node: Node, path: Path) -> Any:
        self._marks.setdefault(path, _position(node))
        if id(node) in self._seen or node.anchor:
            raise self._no(node, "alias", "anchors and aliases are not read", "write the value out")
        self._seen.add(id(node))
        if len(path) > MAX_DEPTH:
            raise self._no(node, "too_deep", f"nested deeper than {MAX_DEPTH}", "flatten the definition")
        if isinstance(node, MappingNode) and _kind(node) == "map":
            return dict(self._members(node, path))
        if isinstance(node, SequenceNode) and _kind(node) == "seq":
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _members(self, node: MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        known: set[str] = set()
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in known:
                raise self._no(key_node, "duplicate_key", f"`{key}` stands here twice", "keep one")
            known.add(key)
            self._marks[(*path, key)] = _position(key_node)
            yield key, self.read(value_node, (*path, key))

    def _key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode) or _kind(node) not in {"str", "int"}:
            raise self._no(node, "bad_key", "a key must be plain text", "quote it")
        return str(node.value)

    def _scalar(self, node: Node) -> Any:
        kind, text = _kind(node), str(node.value)
        if kind == "str":
            return text
        if kind == "null":
            return None
        if kind == "bool" and text in {"true", "false"}:
            return text == "true"
        if kind == "int" and _WHOLE.fullmatch(text):
            return int(text)
        hint = _SAY.get(kind, "use plain text, whole numbers, true, false or null")
        raise self._no(node, "bad_value", f"`{text[:40]}` ({kind}) is not read here", hint)

    def _no(self, node: Node, code: str, message: str, hint: str) -> DefinitionRefused:
        return _refusal(code, message, hint, self._file, *_position(node))


def _kind(node: Node) -> str:
    tag = str(node.tag)
    return tag.removeprefix(_TAG) if tag.startswith(_TAG) else f"value tagged {tag}"


def _position(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _refusal(code: str, message: str, hint: str, file: str, line: int, column: int) -> DefinitionRefused:
    return DefinitionRefused([Finding(code, message, hint, Place(file, line, column))])
