"""The canonical container: a ZIP of stored members in ascending order with fixed header fields.

One content has one spelling. The reader takes the archive apart front to back, packs it again and demands
the same bytes, so nothing can hide in a header, a comment, or between a local and a central entry.
"""

import re
import struct
import zlib
from collections.abc import Mapping

from evidence.verify import jcs
from evidence.verify.malformed import Malformed

MAX_MEMBERS = 2000
MAX_BYTES = 256 * 1024 * 1024

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_VERSION, _FLAGS, _STORED, _TIME, _DATE = 20, 0x0800, 0, 0, 33  # 1980-01-01, UTF-8 names
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")


def pack(members: Mapping[str, bytes]) -> bytes:
    """The one archive of these members; raises ValueError for a name outside the format."""
    body, directory = bytearray(), bytearray()
    for name in sorted(members):
        _demand_safe(name)
        directory += _central_entry(name, members[name], len(body))
        body += _local_header(name, members[name]) + members[name]
    return bytes(body + _ending(directory, members, len(body)))


def unpack(archive: bytes) -> dict[str, bytes]:
    """The members of a canonical archive; raises Malformed for every other byte string."""
    if len(archive) > MAX_BYTES:
        raise Malformed("LIMIT", f"larger than {MAX_BYTES} bytes")
    members: dict[str, bytes] = {}
    directory, offset, canonical = bytearray(), 0, True
    while archive[offset : offset + 4] == b"PK\x03\x04":
        name, content, end = _read_entry(archive, offset)
        if name in members:
            raise Malformed("ZIP-DUP", f"{name} appears twice")
        members[name] = content
        if len(members) > MAX_MEMBERS:
            raise Malformed("LIMIT", f"more than {MAX_MEMBERS} members")
        canonical = canonical and archive[offset : end - len(content)] == _local_header(name, content)
        directory += _central_entry(name, content, offset)
        offset = end
    if not canonical or list(members) != sorted(members) or archive[offset:] != _ending(directory, members, offset):
        raise Malformed("ZIP-FORMAT", "the archive is not in canonical form")
    return members


def _read_entry(archive: bytes, offset: int) -> tuple[str, bytes, int]:
    if offset + _LOCAL.size > len(archive):
        raise Malformed("ZIP-FORMAT", "cut short inside a header")
    *_, size, name_size, _extra = _LOCAL.unpack_from(archive, offset)
    start = offset + _LOCAL.size + name_size
    if start + size > len(archive):
        raise Malformed("ZIP-FORMAT", "cut short inside a member")
    try:
        name = archive[offset + _LOCAL.size : start].decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed("ZIP-NAME", "a member name is not ASCII") from error
    _demand_safe(name)
    return name, archive[start : start + size], start + size


def _demand_safe(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > 200:
        raise Malformed("ZIP-NAME", f"{jcs.dumps(name[:80]).decode()} is not a safe member name")


def _local_header(name: str, content: bytes) -> bytes:
    fixed = (_VERSION, _FLAGS, _STORED, _TIME, _DATE, zlib.crc32(content), len(content), len(content))
    return _LOCAL.pack(b"PK\x03\x04", *fixed, len(name), 0) + name.encode()


def _ending(directory: bytes | bytearray, members: Mapping[str, bytes], offset: int) -> bytes:
    count = len(members)
    return bytes(directory) + _END.pack(b"PK\x05\x06", 0, 0, count, count, len(directory), offset, 0)


def _central_entry(name: str, content: bytes, offset: int) -> bytes:
    fixed = (_VERSION, _FLAGS, _STORED, _TIME, _DATE, zlib.crc32(content), len(content), len(content))
    return _CENTRAL.pack(b"PK\x01\x02", _VERSION, *fixed, len(name), 0, 0, 0, 0, 0, offset) + name.encode()
