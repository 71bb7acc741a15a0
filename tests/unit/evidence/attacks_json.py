"""Documents that parsers read differently, in every file of a bundle and under every signature."""

from collections.abc import Callable

from evidence.verify import dsse, keyring, layout
from evidence.verify.findings import CODES
from tests.unit.evidence.corpus import Attempt, attack
from tests.unit.evidence.forge import Kit

Spoil = Callable[[bytes], bytes]

FAULTS: dict[str, tuple[str, Spoil]] = {
    "white space": ("JSON-CANON", lambda text: text.replace(b'":', b'": ', 1)),
    "members in another order": ("JSON-CANON", lambda text: b'{"zz":1,' + text[1:]),
    "a member twice": ("JSON-DUP", lambda text: text[:-1] + b"," + text[1:]),
    "a float": ("JSON-FLOAT", lambda text: b'{"a":1.0,' + text[1:]),
    "an exponent": ("JSON-FLOAT", lambda text: b'{"a":1e3,' + text[1:]),
    "a null": ("JSON-FORMAT", lambda text: b'{"a":null,' + text[1:]),
    "cut short": ("JSON-FORMAT", lambda text: text[:-1]),
    "something behind it": ("JSON-FORMAT", lambda text: text + b"}"),
    "an integer beyond 2^53": ("JSON-FORMAT", lambda text: b'{"a":9007199254740993,' + text[1:]),
    "a lone surrogate": ("JSON-FORMAT", lambda text: b'{"a":"\\ud800",' + text[1:]),
    "a byte that is no UTF-8": ("JSON-FORMAT", lambda text: b'{"a":"\xff",' + text[1:]),
    "too deep": ("LIMIT", lambda text: b'{"a":' + b"[" * 40 + b"]" * 40 + b"," + text[1:]),
}
LINES = (layout.EVENTS, layout.LEAVES, layout.DISCLOSURES)
DOCUMENTS = (layout.PROOFS,)


def spoiled(name: str, spoil: Spoil) -> Callable[[], Attempt]:
    """The first line of that file is spoiled and signed."""

    def change(members: dict[str, bytes]) -> None:
        first, end, rest = members[name].partition(b"\n")
        members[name] = spoil(first) + end + rest

    def make() -> Attempt:
        kit = Kit()
        return kit.resigned(change), kit.ask()

    return make


def spoiled_ring(spoil: Spoil) -> Callable[[], Attempt]:
    """The root key signs a keyring that is spoiled."""

    def make() -> Attempt:
        kit = Kit()
        payload = dsse.parse(kit.ring(), keyring.PAYLOAD_TYPE).payload
        return kit.bundle(keyring=dsse.seal(keyring.PAYLOAD_TYPE, spoil(payload), kit.root)), kit.ask()

    return make


for fault, (code, spoil) in FAULTS.items():
    for file in (*LINES, *DOCUMENTS):
        attack(f"json {file.removeprefix('data/')}: {fault}", CODES[code], code)(spoiled(file, spoil))
    attack(f"json keyring payload: {fault}", CODES[code], code)(spoiled_ring(spoil))
