"""Strict JSON in the profile of evidence: RFC 8785 without floats and nulls.

Members may appear once, integers stay within ±(2^53 - 1), strings hold no lone surrogate, at most 32 brackets are open.
What is refused, and in which words, does not depend on the language of the reader.
"""

import json
import re
from itertools import repeat
from typing import Any, NoReturn, TypeAlias, TypeGuard

from evidence.verify.malformed import Malformed

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json]"

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 32

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def dumps(value: Json) -> bytes:
    """Canonical bytes; raises Malformed for a value outside the profile."""
    if _plain(value, MAX_DEPTH):
        return _WRITE.encode(value).encode()
    text = json.dumps(_checked(value, 0), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode()


def loads(data: bytes) -> Json:
    """Parse canonical bytes; raises Malformed when they are not the canonical form of what they say."""
    plain = _plainly_canonical(data)
    if plain is not None:
        return plain
    value = loads_lenient(data)
    if dumps(value) != data:
        raise Malformed("JSON-CANON", "the bytes are not in canonical form")
    return value


def loads_lenient(data: bytes) -> Json:
    """Parse within the profile, but accept white space and any member order (files that people edit)."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_members_once,
            parse_float=_no_float,
            parse_constant=_no_float,
            parse_int=_integer,
        )
        parsed: Json = _checked(value, 0)
    except (ValueError, RecursionError) as error:
        raise _refusal(data, error) from error
    return parsed


def loads_object(data: bytes) -> dict[str, Json]:
    """Like `loads`, for a document that must be an object."""
    value = loads(data)
    if not isinstance(value, dict):
        raise Malformed("SCHEMA", "not an object")
    return value


def is_whole(value: object) -> TypeGuard[int]:
    """A number, which in Python a truth value would also be."""
    return isinstance(value, int) and not isinstance(value, bool)


def shown(value: Json) -> str:
    """A value in a message: text as it stands, everything else in canonical form."""
    return value if isinstance(value, str) else dumps(value).decode()


def _plainly_canonical(data: bytes) -> "Json | None":
    """The fast way, in C: read, write, compare. None for whatever it cannot vouch for."""
    try:
        text = data.decode()
        if "null" in text or (not text.isascii() and max(text) > "\uffff"):
            return None  # a null has no place; above the first plane, Python orders names unlike UTF-16
        value: Json = _READ.decode(text)
        plain = _WRITE.encode(value) == text
    except (ValueError, RecursionError):
        return None
    brackets = data.count(b"[") + data.count(b"{")
    return value if plain and (brackets <= MAX_DEPTH or _depth(data) <= MAX_DEPTH) else None


def _refusal(data: bytes, error: Exception) -> Malformed:
    """Too deep is the first thing wrong with a document, whatever else is."""
    if _depth(data) > MAX_DEPTH:
        return Malformed("LIMIT", f"nested deeper than {MAX_DEPTH}")
    return error if isinstance(error, Malformed) else Malformed("JSON-FORMAT", "not JSON")


def _depth(data: bytes) -> int:
    """The most brackets that are open at once, outside strings."""
    deepest = depth = 0
    for token in _TOKEN.finditer(data):
        depth += {0x5B: 1, 0x7B: 1, 0x5D: -1, 0x7D: -1}.get(token[0][0], 0)
        deepest = max(deepest, depth)
    return deepest


def _plain(value: Any, depth: int) -> bool:
    """The fast way: True for what is surely within the profile, with names whose order nobody disputes."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    if kind is dict:
        return depth > 0 and all(map(_plain_name, value)) and all(map(_plain, value.values(), repeat(depth - 1)))
    if kind is list:
        return depth > 0 and all(map(_plain, value, repeat(depth - 1)))
    return kind is bool


def _plain_name(name: Any) -> bool:
    return type(name) is str and name.isascii()


def _checked(value: Any, depth: int) -> Any:
    if depth >= MAX_DEPTH and isinstance(value, dict | list | tuple):
        raise Malformed("LIMIT", f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        return value if value.isascii() else _text(value)
    if isinstance(value, dict):
        return {key: _checked(value[key], depth + 1) for key in _in_order(value)}
    if isinstance(value, list | tuple):
        return [_checked(item, depth + 1) for item in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _in_range(value)
    code = "JSON-FLOAT" if isinstance(value, float) else "JSON-FORMAT"
    name = "null" if value is None else type(value).__name__
    raise Malformed(code, f"{name} has no place in this profile")


def _in_order(members: dict[Any, Any]) -> list[str]:
    """Names by their UTF-16 code units; for ASCII that is the order of Python's strings."""
    if all(isinstance(key, str) and key.isascii() for key in members):
        return sorted(members)
    return sorted(members, key=_utf16)


def _utf16(key: Any) -> bytes:
    return _text(key).encode("utf-16-be")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Malformed("JSON-FORMAT", "a member name is not a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Malformed("JSON-FORMAT", "a string holds a lone surrogate") from error
    return value


def _in_range(value: int) -> int:
    if abs(value) > MAX_INTEGER:
        raise Malformed("JSON-FORMAT", "an integer is beyond 2^53 - 1")
    return value


def _integer(digits: str) -> int:
    if len(digits) > 17 or digits == "-0":
        raise Malformed("JSON-FORMAT", "an integer is beyond 2^53 - 1 or negative zero")
    return int(digits)


def _no_float(token: str) -> NoReturn:
    raise Malformed("JSON-FLOAT", f"{token[:20]} is not an integer")


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("JSON-DUP", "a member appears twice")
    return members


def _exact(digits: str) -> int:
    return int(digits) if len(digits) < 16 and digits != "-0" else _in_range(_integer(digits))


_READ = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float, parse_int=_exact)
_WRITE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
