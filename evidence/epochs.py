"""After a restore that lost signed leaves a log is frozen: whatever was signed next would be a second history.

A person may let it go on in a new epoch. The leaves that are left stay where they are, the tree grows on, and the heads
are signed for a new origin; the first thing on record is what was kept and what is lost. Nothing else ends the freeze.
"""

from uuid import UUID

from django.db import transaction

from controlplane.lib.errors import NotFound
from evidence import recording, retained, trees
from evidence.errors import Contradictory, NotFrozen
from evidence.events import LogContinued
from evidence.models import Checkpoint, LogHead
from evidence.retained import Signed
from evidence.verify import merkle, note
from tenants.actors import Actor


@transaction.atomic(durable=True)
def open_next(*, log_id: UUID, reason: str, actor: Actor) -> str:
    """The origin of the new epoch. In the role of the sequencer; raises NotFound, NotFrozen or Contradictory."""
    head = LogHead.objects.select_for_update().filter(pk=log_id).first()
    if head is None:
        raise NotFound
    if not head.frozen_reason:
        raise NotFrozen(f"{head.origin} is not frozen")
    kept, signed = _kept(head), retained.last(log_id)
    log, epoch = note.log_and_epoch(head.origin)
    lost = signed or kept
    kept = Signed(kept.size, kept.root, max(epoch, lost.epoch) + 1)
    event = _continued(head, f"{log}/{kept.epoch}", kept, lost, reason)
    head.origin, head.frozen_reason, head.signed_size = event.origin, "", kept.size
    head.save()
    recording.write_many([recording.Entry(event, actor, log_id)])
    retained.set_aside(log_id)
    retained.keep(log_id, kept)
    return event.origin


def _kept(head: LogHead) -> Signed:
    """The newest head in the database, if it is over the leaves in it: they are those that were signed."""
    newest = Checkpoint.objects.filter(log_id=head.pk).order_by("size").last()
    if newest is None:
        return Signed(0, merkle.EMPTY_ROOT)
    if newest.size > head.size or merkle.root_at(newest.size, trees.StoredNodes(head.pk)) != bytes(newest.root):
        raise Contradictory(f"the head of {newest.size} leaves is not over the leaves of {head.origin}")
    return Signed(newest.size, bytes(newest.root))


def _continued(head: LogHead, origin: str, kept: Signed, lost: Signed, reason: str) -> LogContinued:
    return LogContinued(
        origin=origin,
        previous=head.origin,
        kept=kept.size,
        kept_root=kept.root.hex(),
        signed=lost.size,
        signed_root=lost.root.hex(),
        found=head.size,
        cause=head.frozen_reason,
        reason=reason,
    )
