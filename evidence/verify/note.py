"""C2SP signed notes that carry checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).

A checkpoint has exactly three lines: origin, size, root. Extension lines are refused.
"""

import hashlib
import re
from dataclasses import dataclass

from evidence.verify.encoding import b64, unb64
from evidence.verify.malformed import Malformed
from evidence.verify.signing import SIGNATURE_SIZE, Signer, signature_holds

ED25519 = b"\x01"
COSIGNATURE = b"\x04"
MAX_SIGNATURES = 64
MAX_NOTE = 64 * 1024
MAX_TIME_S = 253_402_300_799  # the end of the year 9999
_DASH = "\u2014 "
_EPOCH = re.compile(r"0|[1-9][0-9]{0,8}")
_ORIGIN = re.compile(r"[!-*,-~]{1,255}")


@dataclass(frozen=True)
class Checkpoint:
    """What a log commits to: `size` leaves under `root`, 32 bytes."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"


@dataclass(frozen=True)
class SignatureLine:
    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class SignedNote:
    """A parsed note. `text` is its one and only spelling."""

    checkpoint: Checkpoint
    signatures: tuple[SignatureLine, ...]
    text: str

    def by(self, name: str, public: bytes) -> SignatureLine | None:
        """The signature line that claims this key, whether it holds or not."""
        wanted = key_id(name, public)
        return next((line for line in self.signatures if line.name == name and line.key_id == wanted), None)


@dataclass(frozen=True)
class Cosignature:
    """Somebody else has seen this head, and knows of no other history (c2sp.org/tlog-cosignature)."""

    time_ms: int
    good: bool


def key_id(name: str, public: bytes, kind: bytes = ED25519) -> bytes:
    """The first four bytes of SHA-256(name || LF || algorithm || key)."""
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def valid_origin(origin: str) -> bool:
    """Printable ASCII without blank and plus sign, so that no reader needs tables of Unicode to agree."""
    return _ORIGIN.fullmatch(origin) is not None


def log_and_epoch(origin: str) -> tuple[str, int]:
    """An origin ends in the epoch of its log: after a restore that lost signed leaves, a new epoch goes on with what is
    left of the tree. -1 where there is no number."""
    log, _, epoch = origin.rpartition("/")
    return (log, int(epoch)) if _EPOCH.fullmatch(epoch) else (origin, -1)


def continues(origin: str, later: str) -> bool:
    """Is `later` the same log, in the same epoch or a later one?"""
    (log, epoch), (later_log, later_epoch) = log_and_epoch(origin), log_and_epoch(later)
    return log == later_log and epoch <= later_epoch


def goes_back(origin: str, later: str) -> bool:
    """Is `later` the same log in an earlier epoch?"""
    return origin != later and continues(later, origin)


def sign(checkpoint: Checkpoint, signer: Signer) -> str:
    """The note, signed by one key under the name of the origin."""
    if not valid_origin(checkpoint.origin):
        raise ValueError("an origin holds no blanks and no plus sign")
    signature = signer.sign(checkpoint.body().encode())
    identified = key_id(checkpoint.origin, signer.public) + signature
    return f"{checkpoint.body()}\n{_DASH}{checkpoint.origin} {b64(identified)}\n"


def holds(note: SignedNote, line: SignatureLine, public: bytes) -> bool:
    return signature_holds(public, line.signature, note.checkpoint.body().encode())


def cosign(checkpoint: Checkpoint, name: str, at_s: int, signer: Signer) -> str:
    """The signature line of a witness, to be put below a note."""
    signature = at_s.to_bytes(8) + signer.sign(_cosigned(checkpoint, at_s))
    return f"{_DASH}{name} {b64(key_id(name, signer.public, COSIGNATURE) + signature)}\n"


def cosignature(note: SignedNote, name: str, public: bytes) -> Cosignature | None:
    """What a witness says about this head; None when it says nothing."""
    wanted = key_id(name, public, COSIGNATURE)
    line = next((one for one in note.signatures if one.name == name and one.key_id == wanted), None)
    if line is None:
        return None
    at_s, signature = int.from_bytes(line.signature[:8]), line.signature[8:]
    if at_s > MAX_TIME_S or len(signature) != SIGNATURE_SIZE:
        return Cosignature(0, good=False)
    return Cosignature(at_s * 1000, signature_holds(public, signature, _cosigned(note.checkpoint, at_s)))


def _cosigned(checkpoint: Checkpoint, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{checkpoint.body()}".encode()


def parse(data: bytes) -> SignedNote:
    """Read a note; raises Malformed for anything that is not its canonical spelling."""
    text = _decoded(data)
    body, separator, trailer = text.rpartition("\n\n")
    if not separator or not trailer.endswith("\n"):
        raise Malformed("NOTE-FORMAT", "no signature block")
    lines = trailer[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise Malformed("LIMIT", f"more than {MAX_SIGNATURES} signatures")
    return SignedNote(_checkpoint(body + "\n"), tuple(_signature(line) for line in lines), text)


def _decoded(data: bytes) -> str:
    if len(data) > MAX_NOTE:
        raise Malformed("LIMIT", "the note is too large")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("NOTE-FORMAT", "not UTF-8") from error
    if any(ord(char) < 32 and char != "\n" for char in text):
        raise Malformed("NOTE-FORMAT", "a control character")
    return text


def _checkpoint(body: str) -> Checkpoint:
    lines = body[:-1].split("\n")
    if len(lines) < 3:
        raise Malformed("NOTE-FORMAT", "origin, size and root expected")
    if len(lines) > 3:
        raise Malformed("NOTE-EXT", "extension lines are not part of this format")
    origin, size, root = lines
    if not valid_origin(origin):
        raise Malformed("NOTE-FORMAT", "not an origin")
    return Checkpoint(origin, _size(size), unb64(root, code="NOTE-FORMAT", size=32))


def _size(text: str) -> int:
    if not text.isascii() or not text.isdigit() or (text != "0" and text[0] == "0") or len(text) > 15:
        raise Malformed("NOTE-FORMAT", "not a tree size")
    return int(text)


def _signature(line: str) -> SignatureLine:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator or not name:
        raise Malformed("NOTE-FORMAT", "not a signature line")
    raw = unb64(encoded, code="NOTE-FORMAT")
    if len(raw) < 5:
        raise Malformed("NOTE-FORMAT", "a signature is too short")
    return SignatureLine(name, raw[:4], raw[4:])
