"""Putting a bundle together: pure, from bytes that were read elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evidence.verify import anchoring, bag, container, dsse, envelope, jcs, layout, note, page
from evidence.verify.anchoring import Anchor
from evidence.verify.disclosure import Disclosure
from evidence.verify.encoding import b64
from evidence.verify.signing import Signer
from evidence.verify.statement import PAYLOAD_TYPE, Predicate, Statement, digests

EXPORTER = "interlock/1"

VERIFY_TEXT = """# How to verify this bundle

You need the verifier and a trust file that you received on another way than this bundle.

    interlock-verify BUNDLE.evb --trust trust.json

Exit code 0 and the word VERIFIED mean that every required check passed; every other code means that one did not.
Keep the checkpoint (`--save-note head.note`) and give it back the next time (`--known head.note`): then nobody,
the operator included, can show you another history.

Where approvers signed with passkeys, compare the keys in the trust file (`approvers`) with them: then nobody can make
up an approval in their name.

Without any tool of ours: unzip the bundle, then `sha256sum -c manifest-sha256.txt`. That shows that the files
fit the manifest. It does not show who made it.
"""


@dataclass(frozen=True)
class Material:
    """Everything that goes into a bundle. `events` and `leaves` are exact bytes, in log order; `exhibits` are documents
    that they name, by SHA-256; `pruned` are signed lists of leaves that have lost their events.

    A run and the part of it up to an approval are proven by `proofs`, a period grows from its `frontier`.
    """

    origin: str
    events: Sequence[bytes]
    leaves: Sequence[bytes]
    proofs: Mapping[int, Sequence[bytes]]
    notes: Sequence[str]
    consistency: Mapping[tuple[int, int], Sequence[bytes]]
    keyring: bytes
    disclosures: Sequence[Disclosure]
    erased: int
    generated_at: int
    anchors: Sequence[Anchor] = ()
    kind: str = layout.RUN
    run: str = ""
    request: str = ""
    frontier: Sequence[bytes] = ()
    exhibits: Mapping[str, bytes] = field(default_factory=dict)
    pruned: Sequence[bytes] = ()


def assemble(material: Material, signer: Signer) -> bytes:
    """The bundle (`.evb`): a canonical archive, a valid bag, every file named by a signed statement."""
    predicate = claims_of(material)
    members = {**files_of(material), layout.REPORT: page_of(material, predicate)}
    return seal(members, predicate, signer)


def seal(members: Mapping[str, bytes], predicate: Predicate, signer: Signer) -> bytes:
    """Sign a statement over the members and pack them."""
    statement = Statement(digests(members), predicate)
    signed = {**members, layout.STATEMENT: dsse.seal(PAYLOAD_TYPE, statement.payload(), signer)}
    return container.pack({**signed, **bag.tag_files(signed)})


def claims_of(material: Material) -> Predicate:
    head = note.parse(material.notes[-1].encode()).checkpoint
    indices = [envelope.parse_leaf(line).index for line in material.leaves]
    committed = sum(1 for body in material.events for _ in envelope.parse_event(body).commitments())
    return Predicate(
        kind=material.kind,
        origin=material.origin,
        run=material.run,
        request=material.request,
        events=len(material.events),
        first_leaf=min(indices),
        last_leaf=max(indices),
        size=head.size,
        root=head.root.hex(),
        disclosed=len(material.disclosures),
        redacted=committed - len(material.disclosures) - material.erased,
        erased=material.erased,
        report=page.RENDERER,
        exporter=EXPORTER,
        generated_at=material.generated_at,
        pruned=len(material.leaves) - len(material.events) if material.pruned else 0,
    )


def files_of(material: Material) -> dict[str, bytes]:
    notes = {layout.checkpoint(number): text.encode() for number, text in enumerate(material.notes, start=1)}
    period = material.kind == layout.PERIOD
    proof = {layout.FRONTIER: _frontier(material)} if period else {layout.PROOFS: _proofs(material)}
    return {
        layout.EVENTS: _lines(material.events),
        layout.LEAVES: _lines(material.leaves),
        **proof,
        layout.CONSISTENCY: _consistency(material),
        layout.KEYRING: material.keyring,
        layout.DISCLOSURES: _lines([item.line() for item in material.disclosures]),
        layout.VERIFY: VERIFY_TEXT.encode(),
        **{layout.REPLAY + digest: content for digest, content in material.exhibits.items()},
        **notes,
        **({layout.PRUNED: _lines(material.pruned)} if material.pruned else {}),
        **({layout.ANCHORS: anchoring.encode(material.anchors)} if material.anchors else {}),
    }


def page_of(material: Material, predicate: Predicate) -> bytes:
    events = [envelope.parse_event(body) for body in material.events]
    leaves = [envelope.parse_leaf(line) for line in material.leaves]
    return page.render(predicate, events, leaves, material.disclosures, material.notes[-1])


def _lines(lines: Sequence[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def _proofs(material: Material) -> bytes:
    items: list[jcs.Json] = [
        {"index": index, "path": [b64(step) for step in path]} for index, path in material.proofs.items()
    ]
    return jcs.dumps({"proofs": items})


def _frontier(material: Material) -> bytes:
    return jcs.dumps({"peaks": [b64(peak) for peak in material.frontier]})


def _consistency(material: Material) -> bytes:
    items: list[jcs.Json] = [
        {"from": old, "to": new, "path": [b64(step) for step in path]}
        for (old, new), path in material.consistency.items()
    ]
    return jcs.dumps({"proofs": items})
