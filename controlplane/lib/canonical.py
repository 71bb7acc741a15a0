"""Canonical JSON (RFC 8785) and digests over it.

Floats are refused: their text form is not portable, and money and time are integers here.
"""

import hashlib
from typing import TypeAlias

import rfc8785

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"


def canonical(value: object) -> bytes:
    """The RFC 8785 bytes of a value; raises ValueError for floats, huge integers and lone surrogates."""
    _refuse_floats(value)
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from error


def sha256_hex(content: bytes) -> str:
    """Lower-case hex SHA-256, 64 characters."""
    return hashlib.sha256(content).hexdigest()


def digest(value: object) -> str:
    """SHA-256 over the canonical form of a value, as 64 hex characters."""
    return sha256_hex(canonical(value))


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise ValueError("floats have no canonical form here: use integers or strings")  # noqa: TRY004
    if isinstance(value, dict):
        for member in value.values():
            _refuse_floats(member)
    elif isinstance(value, list | tuple):
        for member in value:
            _refuse_floats(member)
