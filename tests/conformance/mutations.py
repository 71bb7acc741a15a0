"""Random changes to bundles, by somebody without keys, with the bundle key, and with every key.

A change is accepted silently when the verdict is VERIFIED although events, leaves, heads, opened contents or the page
are not those of the honest bundle.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from evidence.verify import bag, jcs, layout, note
from evidence.verify.container import unpack
from evidence.verify.dossier import Question
from evidence.verify.findings import Verdict
from evidence.verify.malformed import Malformed
from evidence.verify.verifier import verify
from tests.unit.evidence.attacks_passkeys import Voted
from tests.unit.evidence.attacks_pruned import Thinned
from tests.unit.evidence.forge import STEPS, Kit, chain, signer
from tests.unit.evidence.forge_kinds import Approval, Period, diary
from tests.unit.evidence.governed import GOVERNED

KINDS: tuple[Callable[[], Kit], ...] = (
    Kit, Approval, Period, lambda: Period(diary(chain(GOVERNED)), begin=5), Thinned, Voted,
)  # fmt: skip
MEANING = (layout.EVENTS, layout.LEAVES, layout.DISCLOSURES, layout.REPORT, layout.PRUNED)
STRUCTURED = (
    layout.EVENTS, layout.LEAVES, layout.PROOFS, layout.FRONTIER, layout.CONSISTENCY, layout.DISCLOSURES, layout.PRUNED,
)  # fmt: skip
JUNK: tuple[Any, ...] = (0, -1, 2**53 - 1, True, "", "x", "é\u0000", [], {}, ["x"], {"c": "x", "len": 1, "mt": "y"})

Members = dict[str, bytes]
Mutation = Callable[["Subject", Random], bytes]


@dataclass
class Subject:
    """An honest operator, the bundle, and its files."""

    kit: Kit
    bundle: bytes
    members: Members

    @classmethod
    def of(cls, make: Callable[[], Kit]) -> "Subject":
        kit = make()
        bundle = kit.bundle()
        return cls(kit, bundle, unpack(bundle))

    def resigned(self, members: Members) -> bytes:
        """With the bundle key: a new statement over changed files."""
        return self.kit.signed_again(members)


# --- without keys: bytes ---------------------------------------------------------------------------------------


def flip_a_bit(subject: Subject, source: Random) -> bytes:
    at, changed = source.randrange(len(subject.bundle)), bytearray(subject.bundle)
    changed[at] ^= 1 << source.randrange(8)
    return bytes(changed)


def cut_and_join(subject: Subject, source: Random) -> bytes:
    start, end = sorted(source.sample(range(len(subject.bundle) + 1), 2))
    return subject.bundle[:start] + source.randbytes(source.randrange(6)) + subject.bundle[end:]


def truncate(subject: Subject, source: Random) -> bytes:
    return subject.bundle[: source.randrange(len(subject.bundle))]


def repeat(subject: Subject, source: Random) -> bytes:
    start, end = sorted(source.sample(range(len(subject.bundle) + 1), 2))
    return subject.bundle[:end] + subject.bundle[start:]


def exchange(subject: Subject, source: Random) -> bytes:
    a, b, c = sorted(source.sample(range(len(subject.bundle) + 1), 3))
    return subject.bundle[:a] + subject.bundle[b:c] + subject.bundle[a:b] + subject.bundle[c:]


# --- without keys: files, in a container and a bag that fit -----------------------------------------------------


def edit_a_file(subject: Subject, source: Random) -> bytes:
    name = source.choice(sorted(set(subject.members) - set(bag.TAG_FILES)))
    content = bytearray(subject.members[name])
    for _ in range(source.randrange(1, 4)):
        if content:
            content[source.randrange(len(content))] = source.randrange(256)
    return subject.kit.rebagged({**subject.members, name: bytes(content)})


def drop_a_file(subject: Subject, source: Random) -> bytes:
    members = dict(subject.members)
    del members[source.choice(sorted(set(members) - set(bag.TAG_FILES)))]
    return subject.kit.rebagged(members)


def add_a_file(subject: Subject, source: Random) -> bytes:
    return subject.kit.rebagged({**subject.members, f"data/extra-{source.randrange(99)}.json": source.randbytes(20)})


def exchange_files(subject: Subject, source: Random) -> bytes:
    one, other = source.sample(sorted(set(subject.members) - set(bag.TAG_FILES)), 2)
    members = dict(subject.members)
    members[one], members[other] = members[other], members[one]
    return subject.kit.rebagged(members)


def take_a_file_of_another_bundle(subject: Subject, source: Random) -> bytes:
    other = unpack(source.choice(FOREIGN)().bundle())
    name = source.choice(sorted(set(other) & set(subject.members) - set(bag.TAG_FILES)))
    return subject.kit.rebagged({**subject.members, name: other[name]})


# --- with the bundle key ---------------------------------------------------------------------------------------


def nonsense_inside(subject: Subject, source: Random) -> bytes:
    name = source.choice([name for name in STRUCTURED if subject.members.get(name)])
    lines = subject.members[name].splitlines()
    at = source.randrange(len(lines))
    value = json.loads(lines[at])
    lines[at] = jcs.dumps(_replaced(value, source.choice(_places(value)), source.choice(JUNK)))
    return subject.resigned({**subject.members, name: _joined(name, lines)})


def lines_moved(subject: Subject, source: Random) -> bytes:
    """Events, leaves or both left out, repeated or put in another order."""
    names = source.choice([[layout.EVENTS], [layout.LEAVES], [layout.EVENTS, layout.LEAVES]])
    count = len(subject.members[names[0]].splitlines())
    order = list(range(count))
    match source.randrange(3):
        case 0:
            del order[source.randrange(count)]
        case 1:
            order.insert(source.randrange(count), source.randrange(count))
        case _:
            source.shuffle(order)
    members = dict(subject.members)
    for name in names:
        lines = members[name].splitlines()
        members[name] = _joined(name, [lines[at] for at in order])
    return subject.resigned(members)


def a_letter_inside(subject: Subject, source: Random) -> bytes:
    """One letter or digit of a text file becomes another."""
    name = source.choice(sorted(name for name in subject.members if name in (*STRUCTURED, layout.REPORT)))
    content = bytearray(subject.members[name])
    spots = [at for at, byte in enumerate(content) if chr(byte).isalnum() and byte < 128]
    if spots:
        content[source.choice(spots)] = ord(source.choice("0123456789abcdef"))
    return subject.resigned({**subject.members, name: bytes(content)})


def other_heads(subject: Subject, source: Random) -> bytes:
    """Checkpoints signed by a stranger, of another log, of another size, or left out."""
    kit, notes = subject.kit, [name for name in subject.members if name.startswith(layout.CHECKPOINTS)]
    name = source.choice(notes)
    head = note.parse(subject.members[name]).checkpoint
    match source.randrange(4):
        case 0:
            text = note.sign(head, signer())
        case 1:
            text = note.sign(replace(head, origin=head.origin.replace("itsm", "hr")), kit.checkpointer)
        case 2:
            text = note.sign(replace(head, size=head.size + source.randrange(1, 9)), kit.checkpointer)
        case _:
            text = note.sign(replace(head, root=source.randbytes(32)), kit.checkpointer)
    return subject.resigned({**subject.members, name: text.encode()})


def other_keys(subject: Subject, source: Random) -> bytes:
    """A keyring of the attacker's own, signed by nobody or under the name of the root, and all signed with it."""
    kit = subject.kit
    own = replace(kit, root=signer("a"), checkpointer=signer("b"), sealer=signer("c"), log=type(kit.log)(), indices=[])
    if source.random() < 0.5:
        return own.bundle()
    return subject.resigned({**subject.members, layout.KEYRING: own.ring(keys=source.choice([kit.keys, own.keys]))})


# --- another past, with every key ------------------------------------------------------------------------------


def another_past(subject: Subject, source: Random) -> bytes:
    """Everything is made anew and signed with the real keys: only a head that was kept can tell."""
    steps = [STEPS[0], ("test.noted", {"step": f"forged {source.random()}"}), *STEPS[1:]][: source.randrange(2, 6)]
    kind, kit = type(subject.kit), subject.kit
    keys = {"root": kit.root, "checkpointer": kit.checkpointer, "sealer": kit.sealer}
    bodies = diary(chain(steps)) if issubclass(kind, Period) else chain([*GOVERNED, *steps])
    return kind(bodies, **keys).bundle(disclosures=[])


WITHOUT_KEYS: tuple[Mutation, ...] = (
    flip_a_bit, cut_and_join, truncate, repeat, exchange,
    edit_a_file, drop_a_file, add_a_file, exchange_files, take_a_file_of_another_bundle,
)  # fmt: skip
WITH_THE_BUNDLE_KEY: tuple[Mutation, ...] = (nonsense_inside, lines_moved, a_letter_inside, other_heads, other_keys)
EVERY: tuple[Mutation, ...] = (*WITHOUT_KEYS, *WITH_THE_BUNDLE_KEY, another_past)


def _foreign() -> Kit:
    return Kit(chain(STEPS, origin="ev.test/tenant-b/itsm/1"))


FOREIGN: tuple[Callable[[], Kit], ...] = (
    _foreign,
    lambda: Kit(chain(GOVERNED)),
    lambda: Period(diary(chain(GOVERNED))),
)


@dataclass
class Seen:
    """What became of the mutations: how many, by verdict, and those that were accepted silently."""

    count: int
    verdicts: dict[str, int]
    accepted: list[str]


def try_many(seed: int, count: int) -> Seen:
    """`count` mutations, evenly over kinds of bundles and of changes; the same for the same seed."""
    source, subjects = Random(seed), [Subject.of(make) for make in KINDS]
    seen = Seen(0, {}, [])
    while seen.count < count:
        subject, change = subjects[seen.count % len(subjects)], EVERY[seen.count // len(subjects) % len(EVERY)]
        changed = change(subject, source)
        report = verify(changed, _question(subject, change))
        seen.count += 1
        seen.verdicts[report.verdict.name] = seen.verdicts.get(report.verdict.name, 0) + 1
        if report.verdict is Verdict.VERIFIED and not _means_the_same(changed, subject.members):
            seen.accepted.append(f"seed {seed}, number {seen.count}: {change.__name__}")
    return seen


def _question(subject: Subject, change: Mutation) -> Question:
    """Who holds every key is asked about one head from before the change; the others are not."""
    kit = subject.kit
    return kit.ask(kit.note(kit.sizes[1])) if change is another_past else kit.ask()


def _means_the_same(bundle: bytes, honest: Mapping[str, bytes]) -> bool:
    try:
        members = unpack(bundle)
    except Malformed:
        return False
    heads = {name for name in {*members, *honest} if name.startswith(layout.CHECKPOINTS)}
    return all(members.get(name) == honest.get(name) for name in (*MEANING, *heads))


def _joined(name: str, lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines) if name.endswith(".jsonl") else b"\n".join(lines)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [one for name, item in inner for one in _places(item, (*path, name))]


def _replaced(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    if isinstance(value, dict):
        return {**value, path[0]: _replaced(value[path[0]], path[1:], junk)}
    return [_replaced(item, path[1:], junk) if index == path[0] else item for index, item in enumerate(value)]
