"""An honest log and its bundle, and the means to forge: everything that an attacker with all keys could do."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.bundling import Material, assemble, claims_of, files_of, page_of, seal
from evidence.verify import bag, commitment, container, dsse, envelope, jcs, keyring, layout, merkle, note, statement
from evidence.verify.disclosure import Disclosure
from evidence.verify.dossier import Question
from evidence.verify.keyring import Key, Keyring
from evidence.verify.signing import LocalSigner
from evidence.verify.statement import Predicate
from evidence.verify.trust import Trust

SCOPE = "ev.test/tenant-a/"
ORIGIN = f"{SCOPE}itsm/1"
NOW = 1_795_255_872_000
DAY = 24 * 3600 * 1000
SALT = bytes(range(32))


Step = tuple[str, dict[str, Any]] | tuple[str, dict[str, Any], dict[str, Any]]
"""Type and data of an event, and other members where they are unusual."""


def signer(name: str = "a stranger") -> LocalSigner:
    """The key of that name: the same each time, so that the vectors are."""
    return LocalSigner(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


def body(seq: int, previous: bytes, data: Mapping[str, Any], *, of: str = "run-1", **changes: Any) -> bytes:
    """One event of a run; `changes` replace members of it."""
    run: dict[str, Any] = {"id": of, "seq": seq}
    if seq > 1:
        run["prev"] = previous.hex()
    members = {
        "v": 1,
        "id": f"event-{seq}" if of == "run-1" else f"{of}-event-{seq}",
        "type": "test.noted",
        "origin": ORIGIN,
        "time": NOW + seq,
        "actor": {"kind": "human", "id": "alice", "method": "session"},
        "data": dict(data),
        "run": run,
    }
    return jcs.dumps({**members, **changes})


def unsealed(steps: Sequence[Step], **changes: Any) -> list[bytes]:
    """Linked events of these steps."""
    bodies: list[bytes] = []
    for seq, (kind, data, *members) in enumerate(steps, start=1):
        unusual = members[0] if members else {}
        bodies.append(body(seq, _last(bodies), data, **{"type": kind, **unusual, **changes}))
    return bodies


def chain(steps: Sequence[Step], **changes: Any) -> list[bytes]:
    """The same, sealed by a last one."""
    bodies = unsealed(steps, **changes)
    sealed = {"count": len(bodies), "root": root_over(bodies)}
    return [*bodies, body(len(bodies) + 1, _last(bodies), sealed, **{**changes, "type": "run.sealed"})]


def root_over(bodies: Sequence[bytes]) -> str:
    return merkle.root_of([merkle.leaf_hash(envelope.event_hash(one)) for one in bodies]).hex()


def _last(bodies: Sequence[bytes]) -> bytes:
    return envelope.event_hash(bodies[-1]) if bodies else b""


def committed(seq: int, content: bytes) -> dict[str, Any]:
    opened = commitment.commit(SALT, f"event-{seq}", "/data/content", content)
    return {"content": {"c": opened, "len": len(content), "mt": "text/plain"}}


@dataclass
class Log:
    """A log in memory."""

    origin: str = ORIGIN
    leaves: list[bytes] = field(default_factory=list)

    def add(self, event_hash: bytes, at_ms: int | None = None) -> int:
        index = len(self.leaves)
        previous = merkle.leaf_hash(self.leaves[-1]) if self.leaves else envelope.NO_LEAF
        at = NOW + 10 + index if at_ms is None else at_ms
        self.leaves.append(envelope.leaf_bytes(envelope.Leaf(event_hash, index, self.origin, previous, at)))
        return index

    @property
    def nodes(self) -> merkle.NodeAt:
        return merkle.nodes_over([merkle.leaf_hash(leaf) for leaf in self.leaves])

    def head(self, size: int) -> note.Checkpoint:
        return note.Checkpoint(self.origin, size, merkle.root_at(size, self.nodes))


STEPS: list[Step] = [
    ("run.started", {"ticket": "INC1"}),
    ("test.noted", committed(2, b"hello")),
    ("test.noted", committed(3, b"world")),
    ("test.noted", {"step": "write"}),
]


@dataclass
class Kit:
    """An honest operator: keys, log, run. `change` hooks let a test become a dishonest one."""

    bodies: list[bytes] = field(default_factory=lambda: chain(STEPS))
    root: LocalSigner = field(default_factory=lambda: signer("root"))
    checkpointer: LocalSigner = field(default_factory=lambda: signer("checkpoint"))
    sealer: LocalSigner = field(default_factory=lambda: signer("bundle"))
    log: Log = field(default_factory=Log)
    indices: list[int] = field(default_factory=list)
    sizes: tuple[int, ...] = ()
    revoked: tuple[Key, ...] = ()

    def __post_init__(self) -> None:
        """Three leaves of others, the run's events with one stranger among them, two more behind."""
        for number in range(3):
            self.log.add(_stranger(number))
        for position, one in enumerate(self.bodies):
            if position == 2:
                self.log.add(_stranger(position))
            self.indices.append(self.log.add(envelope.event_hash(one)))
        for number in (7, 8):
            self.log.add(_stranger(number))
        self.sizes = (self.indices[0] + 1, self.indices[-1] + 1, len(self.log.leaves))

    @property
    def keys(self) -> tuple[Key, ...]:
        return self.revoked or (
            Key(self.checkpointer.public, "checkpoint", NOW - DAY, NOW + 6 * DAY),
            Key(self.sealer.public, "bundle", NOW - DAY, NOW + 6 * DAY),
        )

    def ring(self, *, keys: Sequence[Key] | None = None, by: LocalSigner | None = None, **changes: Any) -> bytes:
        ring = Keyring(1, SCOPE, NOW - DAY, tuple(self.keys if keys is None else keys))
        return dsse.seal(keyring.PAYLOAD_TYPE, replace(ring, **changes).payload(), by or self.root)

    def note(self, size: int, by: LocalSigner | None = None) -> str:
        return note.sign(self.log.head(size), by or self.checkpointer)

    def material(self, **changes: Any) -> Material:
        nodes, newest = self.log.nodes, self.sizes[-1]
        material = Material(
            origin=ORIGIN,
            run="run-1",
            events=self.bodies,
            leaves=[self.log.leaves[index] for index in self.indices],
            proofs={index: merkle.inclusion_path(index, newest, nodes) for index in self.indices},
            notes=[self.note(size) for size in self.sizes],
            consistency=self.links(*zip(self.sizes, self.sizes[1:], strict=False)),
            keyring=self.ring(),
            disclosures=[Disclosure("event-2", "/data/content", SALT, b"hello")],
            erased=0,
            generated_at=NOW + 1000,
        )
        return replace(material, **changes)

    def links(self, *pairs: tuple[int, int]) -> dict[tuple[int, int], list[bytes]]:
        return {(old, new): merkle.consistency_path(old, new, self.log.nodes) for old, new in pairs}

    def bundle(self, **changes: Any) -> bytes:
        return assemble(self.material(**changes), self.sealer)

    def only(self, *positions: int) -> bytes:
        """The bundle of some of the events, in the given order, claimed to be all."""
        indices = [self.indices[position] for position in positions]
        return self.bundle(
            events=[self.bodies[position] for position in positions],
            leaves=[self.log.leaves[index] for index in indices],
            disclosures=[],
        )

    def resigned(self, change: Callable[[dict[str, bytes]], None], **claims: Any) -> bytes:
        """Change files of the honest bundle and sign a new statement over them."""
        members = self.members()
        change(members)
        return self.signed_again(members, **claims)

    def signed_again(self, members: Mapping[str, bytes], **claims: Any) -> bytes:
        """A new statement over these files, with the counts of the old one."""
        predicate = self.claims(self.members())
        files = {name: text for name, text in members.items() if name not in (layout.STATEMENT, *bag.TAG_FILES)}
        return seal(files, replace(predicate, **claims), self.sealer)

    def claiming(self, **claims: Any) -> bytes:
        """The honest material under a statement that claims something else, told by its page as well."""
        material = self.material()
        claimed = replace(claims_of(material), **claims)
        return seal({**files_of(material), layout.REPORT: page_of(material, claimed)}, claimed, self.sealer)

    def restated(self, **members: Any) -> bytes:
        """Change the predicate beyond what a `Predicate` can say, and sign it; None takes a member away."""
        files = self.members()
        stated = jcs.loads_object(dsse.parse(files[layout.STATEMENT], statement.PAYLOAD_TYPE).payload)
        claims = {**dict(stated["predicate"]), **members}  # type: ignore[arg-type]
        stated["predicate"] = {name: value for name, value in claims.items() if value is not None}
        files[layout.STATEMENT] = dsse.seal(statement.PAYLOAD_TYPE, jcs.dumps(stated), self.sealer)
        return self.rebagged(files)

    def unsigned(self, change: Callable[[dict[str, bytes]], None]) -> bytes:
        """Change files of the honest bundle and leave the statement; the bag is made to fit."""
        return self.repacked(self.bundle(), change)

    @classmethod
    def repacked(cls, bundle: bytes, change: Callable[[dict[str, bytes]], Any]) -> bytes:
        """Change files of a bundle and make the bag fit."""
        members = container.unpack(bundle)
        change(members)
        return cls.rebagged(members)

    def members(self) -> dict[str, bytes]:
        return container.unpack(self.bundle())

    @staticmethod
    def rebagged(members: Mapping[str, bytes]) -> bytes:
        """An archive of these files with a bag that fits."""
        others = {name: content for name, content in members.items() if name not in bag.TAG_FILES}
        return container.pack({**others, **bag.tag_files(others)})

    @staticmethod
    def claims(members: Mapping[str, bytes]) -> Predicate:
        sealed = dsse.parse(members[layout.STATEMENT], statement.PAYLOAD_TYPE)
        return statement.parse(sealed.payload).predicate

    @property
    def trust(self) -> Trust:
        return Trust(SCOPE, (self.root.public,))

    def ask(self, *known: str, at_ms: int = NOW + DAY, **changes: Any) -> Question:
        return Question(replace(self.trust, **changes), known, at_ms)


def _stranger(number: int) -> bytes:
    return hashlib.sha256(f"stranger {number}".encode()).digest()
