"""DER (X.690), as much of it as a time stamp needs, read strictly: definite lengths in their shortest form."""

from dataclasses import dataclass

from evidence.verify.malformed import Malformed

INTEGER, OCTETS, OID, SEQUENCE, SET, GENERALIZED_TIME = 0x02, 0x04, 0x06, 0x30, 0x31, 0x18


@dataclass(frozen=True)
class Element:
    """One value. `raw` is the whole of it, tag and length included."""

    tag: int
    content: bytes
    raw: bytes

    def parts(self) -> list["Element"]:
        """The values inside a constructed one."""
        found, rest = [], self.content
        while rest:
            element, rest = _first(rest)
            found.append(element)
        return found

    def expect(self, tag: int) -> "Element":
        if self.tag != tag:
            raise _malformed()
        return self


def read(data: bytes) -> Element:
    """The one value that these bytes are; raises Malformed."""
    element, rest = _first(data)
    if rest:
        raise _malformed()
    return element


def sequence(element: Element, at_least: int) -> list[Element]:
    """The parts of a SEQUENCE that has at least so many."""
    parts = element.expect(SEQUENCE).parts()
    if len(parts) < at_least:
        raise _malformed()
    return parts


def _first(data: bytes) -> tuple[Element, bytes]:
    if len(data) < 2 or data[0] & 0x1F == 0x1F:
        raise _malformed()
    size, start = data[1], 2
    if size >= 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start])
        if not 3 <= start <= 6 or size < 0x80 or size >> 8 * (start - 3) == 0:
            raise _malformed()
    end = start + size
    if end > len(data):
        raise _malformed()
    return Element(data[0], data[start:end], data[:end]), data[end:]


def _malformed() -> Malformed:
    return Malformed("SCHEMA", "not a time stamp in DER")
