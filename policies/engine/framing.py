"""Messages between a process and its evaluator: 4-byte big-endian length, then UTF-8 JSON.

Pure and without project imports: the confined child loads it too.
"""

import json
import struct
from typing import Any

HEADER = struct.Struct(">I")
LARGEST = 32 << 20


class BadFrame(ValueError):
    """The other side sent something that is not one of our messages."""


def pack(message: dict[str, Any]) -> bytes:
    """One frame. Numbers must be integers: NaN and Infinity are refused by `allow_nan`."""
    body = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    if len(body) > LARGEST:
        raise BadFrame(f"message of {len(body)} bytes")
    return HEADER.pack(len(body)) + body


def length_of(header: bytes, largest: int = LARGEST) -> int:
    """Bytes of the body that follows a header; raises BadFrame above `largest`."""
    size: int = HEADER.unpack(header)[0]
    if size > largest:
        raise BadFrame(f"frame of {size} bytes")
    return size


def unpack(body: bytes) -> dict[str, Any]:
    """The message of a frame; raises BadFrame."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadFrame(str(error)) from error
    if not isinstance(message, dict):
        raise BadFrame("a message is an object")
    return message
