"""Strict text forms of bytes: one spelling each, everything else is malformed."""

import base64
import binascii
import re

from evidence.verify.malformed import Malformed

DIGEST_HEX = 64
_HEX = re.compile(r"[0-9a-f]*")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unb64(text: object, *, code: str = "SCHEMA", size: int | None = None) -> bytes:
    """Standard base64 with padding; refuses other alphabets, stray bits and a wrong length."""
    if not isinstance(text, str):
        raise Malformed(code, _expected(size))
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(code, _expected(size)) from error
    if b64(data) != text or (size is not None and len(data) != size):
        raise Malformed(code, _expected(size))
    return data


def _expected(size: int | None) -> str:
    return "base64 expected" if size is None else f"base64 of {size} bytes expected"


def unhex(text: object, *, size: int = DIGEST_HEX // 2) -> bytes:
    """Lower-case hex of `size` bytes."""
    if not isinstance(text, str) or len(text) != 2 * size or not _HEX.fullmatch(text):
        raise Malformed("SCHEMA", f"{2 * size} lower-case hex digits expected")
    return bytes.fromhex(text)
