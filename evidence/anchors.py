"""Each minute: the newest heads of all logs go out of the house.

One anchor tree over the heads that grew, one request to each time-stamping authority for its root; every head to every
witness; the heads of a tenant to its places. Each of them may fail without the others. What comes back is kept beside
the head, and that an anchor was set goes on record: whatever comes later is younger than its time stamp.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from uuid import UUID

from django.db import transaction
from django.db.models import Max, OuterRef, Subquery

from controlplane.lib import clock
from controlplane.lib.errors import DomainError
from controlplane.lib.logs import get_logger
from evidence import egress_places, egress_tsa, egress_witness, keyrings, recording
from evidence.events import AnchorRecorded
from evidence.models import Anchor, Checkpoint, Cosignature, LogHead, Outlet
from evidence.outside import Outside, Place, TsaServer, WitnessServer, configured
from evidence.trees import StoredNodes
from evidence.verify import anchoring, merkle, note
from tenants import scope
from tenants.actors import Actor

log = get_logger(__name__)


@dataclass(frozen=True)
class Head:
    """The newest signed head of a log."""

    tenant_id: UUID
    log_id: UUID
    text: str

    @property
    def checkpoint(self) -> note.Checkpoint:
        return note.parse(self.text.encode()).checkpoint


def run_round() -> int:
    """One round; returns how many anchors, cosignatures and deliveries were made."""
    outside = configured()
    heads = _heads()
    done = _stamp(outside, heads)
    for witness in outside.witnesses:
        done += sum(_safely(partial(_cosign, witness, head)) for head in heads)
    for place in outside.places:
        mine = [head for head in heads if head.tenant_id == place.tenant_id]
        done += sum(_safely(partial(_push, place, head)) for head in mine)
    return done


def _heads() -> list[Head]:
    newest = Checkpoint.unscoped.filter(log_id=OuterRef("pk")).order_by("-size").values("note")[:1]
    with transaction.atomic(durable=True):
        signed = LogHead.unscoped.filter(signed_size__gt=0, frozen_reason="").annotate(text=Subquery(newest))
        rows = signed.order_by("pk").values_list("tenant_id", "pk", "text")
        return [Head(tenant_id, pk, text) for tenant_id, pk, text in rows if tenant_id and text]


def _stamp(outside: Outside, heads: list[Head]) -> int:
    """The record of an anchor is a leaf as well: a log in which nothing else happened is left alone."""
    with transaction.atomic(durable=True):
        known = dict(Anchor.unscoped.order_by().values_list("log_id").annotate(size=Max("size")))
    due = [head for head in heads if head.checkpoint.size > known.get(head.log_id, -1) + 1]
    if not outside.tsas or not due:
        return 0
    hashes = [merkle.leaf_hash(head.checkpoint.body().encode()) for head in due]
    root, nodes = merkle.root_of(hashes), merkle.nodes_over(hashes)
    tokens: list[bytes] = []
    for server in outside.tsas:
        _safely(partial(_collect, server, root, tokens))
    if not tokens:
        return 0
    for index, head in enumerate(due):
        path = merkle.inclusion_path(index, len(due), nodes)
        found = anchoring.Anchor(head.checkpoint.size, index, len(due), root, tuple(path), tuple(tokens))
        _keep_anchor(head, found)
    return len(due)


def _collect(server: TsaServer, root: bytes, tokens: list[bytes]) -> bool:
    tokens.append(egress_tsa.stamp(server, root))
    return True


def _keep_anchor(head: Head, found: anchoring.Anchor) -> None:
    digests = [sha256(token).hexdigest() for token in found.tokens]
    event = AnchorRecorded(found.size, found.tree_size, found.root.hex(), digests)
    with scope.enter(head.tenant_id), transaction.atomic(durable=True):
        Anchor.objects.create(
            log_id=head.log_id,
            size=found.size,
            index=found.index,
            tree_size=found.tree_size,
            root=found.root,
            path=b"".join(found.path),
            tokens=[token.hex() for token in found.tokens],
        )
        actor = Actor.system(head.tenant_id, "anchors")
        recording.write_many([recording.Entry(event, actor, head.log_id)])


def _cosign(server: WitnessServer, head: Head) -> bool:
    name, size = server.trusted.name, head.checkpoint.size
    with scope.enter(head.tenant_id):
        with transaction.atomic(durable=True):
            seen = Cosignature.objects.filter(log_id=head.log_id, name=name).aggregate(size=Max("size"))["size"] or 0
            keyring = keyrings.newest_envelope() or ""
        if seen >= size:
            return False
        line = egress_witness.cosign(server, head.text, seen, _proofs(head.log_id, size), keyring)
        with transaction.atomic(durable=True):
            Cosignature.objects.create(log_id=head.log_id, size=size, name=name, line=line)
    return True


def _proofs(log_id: UUID, size: int) -> Callable[[int], list[bytes]]:
    def proof(since: int) -> list[bytes]:
        with transaction.atomic(durable=True):
            return merkle.consistency_path(since, size, StoredNodes(log_id))

    return proof


def _push(place: Place, head: Head) -> bool:
    checkpoint = head.checkpoint
    with scope.enter(head.tenant_id):
        with transaction.atomic(durable=True):
            outlet = Outlet.objects.filter(place=place.name, log_id=head.log_id).first()
        if outlet is not None and outlet.size >= checkpoint.size:
            return False
        egress_places.push(place, checkpoint, head.text)
        with transaction.atomic(durable=True):
            row = outlet or Outlet(place=place.name, log_id=head.log_id)
            row.size, row.pushed_at = checkpoint.size, clock.now()
            row.save()
    return True


def _safely(work: Callable[[], bool]) -> bool:
    """One who does not answer keeps nobody else waiting: the next round asks again."""
    try:
        return work()
    except DomainError:
        log.exception("a head did not leave the house")
        return False
