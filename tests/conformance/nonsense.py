"""Bundles that no honest exporter writes: signed by an insider, spoiled on the way, or read differently by parsers."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from evidence.verify import container, dsse, jcs, keyring, layout, statement
from evidence.verify.dossier import Question
from evidence.verify.pruning import PAYLOAD_TYPE
from tests.unit.evidence.attacks_passkeys import KEY, Voted, proved, voted
from tests.unit.evidence.attacks_pruned import Thinned
from tests.unit.evidence.forge import Kit, chain
from tests.unit.evidence.test_fuzz import places, replaced

Case = tuple[bytes, Question]

JUNK: list[Any] = [
    0, 1, -1, 2**53 - 1, True, False, "", "x", "é\u0000\u007f\u2028", "\U0001f600\ue000", "ed25519", [], {}, ["x"],
    [[]], {"c": "é", "len": 1, "mt": "y"}, {"c": "x", "len": True, "mt": "y"}, {"path": []},
    {"\ue000": 1, "\U0001f600": 2},
]  # fmt: skip

# Texts on which JSON parsers are known to differ (seriot.ch, "Parsing JSON is a Minefield").
MINEFIELD: list[bytes] = [
    b"", b" ", b"null", b"nul", b"NaN", b"-Infinity", b"[NaN]", b"-", b"-0", b"[-0]", b"01", b"1.", b".5", b"1.5",
    b"1e5", b"1E+", b"[1e]", b"9007199254740991", b"9007199254740992", b"-9007199254740992", b"99999999999999999",
    b"999999999999999999", b'"', b'"\\', b'"\\u12', b'"\\u00e9"', b'"\\ud800"', b'"\\udc00\\ud800"',
    b'"\\ud83d\\ude00"', b'"\x00"', b'"\t"', b'"\x7f"', b'"\\x"', b'"\\/"', b"\xef\xbb\xbf{}", b"\xff",
    b'"\xed\xa0\x80"', b'"\xc0\xaf"', b"{", b"{}", b'{"a"}', b'{"a":1,}', b'{"a":1,"a":2}', b'{"a":1,"a":2',
    b'{"b":1,"a":2}', b'{"a": 1}', b"{1:2}", b"[1,]", b"[,]", b"[1 2]", b"[1]x", b"\x0b[]", b"\xa0[]",
    b"[" * 32 + b"]" * 32, b"[" * 33 + b"]" * 33, b"[" * 99999, b'{"a":' * 33, b'["[",' * 40, b'["' + b"[" * 40,
    b"]]]]", b"[1.5," + b"[" * 40, b'{"\xee\x80\x80":1,"\xf0\x9f\x98\x80":2}',
    b'{"\xf0\x9f\x98\x80":2,"\xee\x80\x80":1}', b'{"__proto__":1,"constructor":2}', b'{"10":1,"9":2}', b"true",
    b"[tru]", b"'a'",
]  # fmt: skip

STRUCTURED = (layout.EVENTS, layout.LEAVES, layout.PROOFS, layout.CONSISTENCY, layout.DISCLOSURES)


def spoiled(source: random.Random, document: bytes) -> bytes:
    """One member of a document is another value, or gone."""
    value = json.loads(document)
    return jcs.dumps(replaced(value, source.choice(places(value)), source.choice(JUNK)))


def in_a_file(source: random.Random, kit: Kit) -> Case:
    name = source.choice(STRUCTURED)

    def change(members: dict[str, bytes]) -> None:
        lines = members[name].splitlines()
        at = source.randrange(len(lines))
        lines[at] = spoiled(source, lines[at])
        members[name] = b"\n".join(lines) + (b"\n" if name.endswith("l") else b"")

    return kit.resigned(change), kit.ask()


def in_the_statement(source: random.Random, kit: Kit) -> Case:
    return _resealed(source, kit, layout.STATEMENT, statement.PAYLOAD_TYPE, kit.sealer), kit.ask()


def in_the_keyring(source: random.Random, kit: Kit) -> Case:
    return _resealed(source, kit, layout.KEYRING, keyring.PAYLOAD_TYPE, kit.root), kit.ask()


def in_a_list(source: random.Random, _: Kit) -> Case:
    """Of what was pruned."""
    kit = Thinned()
    payload = spoiled(source, dsse.parse(kit.listed(), PAYLOAD_TYPE).payload)
    return kit.bundle(pruned=[dsse.seal(PAYLOAD_TYPE, payload, kit.sealer)]), kit.ask()


def in_an_assertion(source: random.Random, _: Kit) -> Case:
    """Of a passkey, or in what the browser says in it."""
    assertion: Any = KEY.assertion(
        "d1", client={source.choice(["type", "challenge", "origin", "x"]): source.choice(JUNK)}
    )
    if source.random() < 0.5:
        assertion = json.loads(spoiled(source, jcs.dumps(KEY.assertion("d1"))))
    kit = Voted(chain(voted(proved(assertion))))
    return kit.bundle(), kit.ask()


def in_a_note(source: random.Random, kit: Kit) -> Case:
    def change(members: dict[str, bytes]) -> None:
        name = source.choice([name for name in members if name.startswith(layout.CHECKPOINTS)])
        members[name] = _cut(source, members[name])

    return kit.resigned(change), kit.ask()


def in_the_bytes(source: random.Random, kit: Kit) -> Case:
    return _cut(source, kit.bundle()), kit.ask()


def minefield(source: random.Random, kit: Kit) -> Case:
    """A text that parsers differ on, as a file or as one line of it."""
    name, text = source.choice(STRUCTURED), source.choice(MINEFIELD)
    return kit.resigned(lambda members: members.update({name: text + b"\n" * source.randrange(2)})), kit.ask()


def asked_differently(source: random.Random, kit: Kit) -> Case:
    """Other times, profiles, trust and remembered heads."""
    known = [kit.note(source.randrange(1, len(kit.log.leaves) + 1)) for _ in range(source.randrange(3))]
    question = kit.ask(*known, at_ms=kit.ask().at_ms + source.choice([-(10**10), -90_000_000, 0, 10**9, 10**12]))
    trust = source.choice([None, question.trust])
    return kit.bundle(), replace(question, trust=trust, profile=source.choice(["basic", "audit", "dispute"]))


MAKERS: tuple[Callable[[random.Random, Kit], Case], ...] = (
    in_a_file, in_a_file, in_the_statement, in_the_keyring, in_a_note, in_the_bytes, minefield, asked_differently,
    in_a_list, in_an_assertion,
)  # fmt: skip


def cases(seed: int, count: int) -> list[Case]:
    source, kit = random.Random(seed), Kit()
    return [source.choice(MAKERS)(source, kit) for _ in range(count)]


def _resealed(source: random.Random, kit: Kit, name: str, payload_type: str, by: Any) -> bytes:
    members: Mapping[str, bytes] = container.unpack(kit.bundle())
    payload = spoiled(source, dsse.parse(members[name], payload_type).payload)
    return kit.unsigned(lambda changed: changed.update({name: dsse.seal(payload_type, payload, by)}))


def _cut(source: random.Random, data: bytes) -> bytes:
    start, end = sorted(source.sample(range(len(data)), 2))
    end = source.choice([start, start + 1, end])
    return data[:start] + source.choice([b"", source.randbytes(1), b"\n", b"\xe2\x80\x94 ", b"0"]) + data[end:]
