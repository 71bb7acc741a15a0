"""The record. Rows refer to other rows by value: no foreign key leads into or out of evidence."""

from typing import Any

from django.db import models

from tenants import scope
from tenants.models import TenantModel


def _tenant(*, indexed: bool) -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(
        "tenants.Tenant",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=indexed,
        default=scope.current,
        related_name="+",
        editable=False,
    )


class EvidenceRow(TenantModel):
    tenant = _tenant(indexed=True)

    class Meta(TenantModel.Meta):
        abstract = True


class RowOfEveryEvent(EvidenceRow):
    """Every event pays for each index of such a table: none is there for the tenant alone."""

    tenant = _tenant(indexed=False)

    class Meta(EvidenceRow.Meta):
        abstract = True


class Event(RowOfEveryEvent):
    """One event as it was emitted. `body` are the canonical bytes; everything else follows from them."""

    log_id = models.UUIDField()
    run_id = models.UUIDField(null=True)
    run_seq = models.BigIntegerField(null=True)
    type = models.CharField(max_length=80)
    body = models.BinaryField()
    event_hash = models.BinaryField()
    mac = models.BinaryField()

    class Meta(RowOfEveryEvent.Meta):
        constraints = [models.UniqueConstraint(fields=["run_id", "run_seq"], name="event_once_in_its_run")]
        indexes = [models.Index(fields=["tenant", "log_id", "-id"], name="event_by_log")]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class Pending(RowOfEveryEvent):
    """An event that waits for its place in the log. `id` counts up in the order of the run's row lock."""

    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment]
    event_id = models.UUIDField(unique=True)
    log_id = models.UUIDField()

    class Meta(RowOfEveryEvent.Meta):
        indexes = [models.Index(fields=["log_id", "id"], name="pending_by_log")]


class RunHead(RowOfEveryEvent):
    """Where a run's chain ends. `id` is the run; writers of one run take turns on this row.

    `pruned`: the time of the run is over, none of its events is left and none may follow.
    """

    log_id = models.UUIDField()
    seq = models.BigIntegerField(default=0)
    last_hash = models.BinaryField(default=bytes)
    closed_seq = models.BigIntegerField(default=0)
    pruned = models.BooleanField(default=False)

    class Meta(RowOfEveryEvent.Meta):
        pass


class LogHead(EvidenceRow):
    """The growing end of one log. `id` is the workspace (or the tenant itself for tenant-wide events).

    The tenant-wide one also holds what was attested last of the guards: their digest, what is wrong with them (one
    line each), and how many leaves all logs of the tenant had.
    """

    origin = models.CharField(max_length=255, unique=True)
    size = models.BigIntegerField(default=0)
    peaks = models.BinaryField(default=bytes)
    last_leaf = models.BinaryField(default=bytes)
    last_ms = models.BigIntegerField(default=0)
    signed_size = models.BigIntegerField(default=0)
    frozen_reason = models.TextField(blank=True, default="")
    guard = models.CharField(max_length=64, blank=True, default="")
    guard_faults = models.TextField(blank=True, default="")
    attested_total = models.BigIntegerField(default=0)

    class Meta(EvidenceRow.Meta):
        pass

    def __str__(self) -> str:
        return self.origin


class Leaf(RowOfEveryEvent):
    """A sequenced event. `id` is the event; `index` is dense within the log."""

    log_id = models.UUIDField()
    index = models.BigIntegerField()
    leaf = models.BinaryField()
    leaf_hash = models.BinaryField()

    class Meta(RowOfEveryEvent.Meta):
        constraints = [models.UniqueConstraint(fields=["log_id", "index"], name="one_leaf_per_index")]


class Node(RowOfEveryEvent):
    """The root of a complete subtree of 256^level leaves: the tiles of C2SP tlog-tiles, one hash a row."""

    log_id = models.UUIDField()
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta(RowOfEveryEvent.Meta):
        constraints = [models.UniqueConstraint(fields=["log_id", "level", "index"], name="one_hash_per_node")]


class Checkpoint(EvidenceRow):
    """A signed head, as the C2SP note that was published."""

    log_id = models.UUIDField()
    size = models.BigIntegerField()
    root = models.BinaryField()
    note = models.TextField()

    class Meta(EvidenceRow.Meta):
        constraints = [models.UniqueConstraint(fields=["log_id", "size"], name="one_checkpoint_per_size")]

    def __str__(self) -> str:
        return f"{self.log_id} at {self.size}"


class Quarantine(EvidenceRow):
    """An event whose seal did not hold. It never becomes a leaf; a leaf says that it was set aside."""

    log_id = models.UUIDField()
    reason = models.CharField(max_length=40)

    class Meta(EvidenceRow.Meta):
        pass


class ShredKey(EvidenceRow):
    """The key behind the salts of one run (or one log). Deleting it makes the commitments unopenable."""

    subject_id = models.UUIDField()
    data_key_id = models.UUIDField()
    wrapped = models.BinaryField()

    class Meta(EvidenceRow.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "subject_id"], name="one_shred_key_per_subject")]


class Content(EvidenceRow):
    """The content behind a commitment, for tenants that opted in to keep it: under a key that is derived from the
    shred key of its subject, so that it dies with it, also where a copy of the row survives."""

    event_id = models.UUIDField()
    subject_id = models.UUIDField()
    path = models.CharField(max_length=500)
    ciphertext = models.BinaryField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta(EvidenceRow.Meta):
        constraints = [models.UniqueConstraint(fields=["event_id", "path"], name="one_content_per_place")]


class Retention(EvidenceRow):
    """How long a tenant keeps what. Content, as traces: 14 to 30 days; the record itself: years."""

    content_days = models.PositiveSmallIntegerField(default=30)
    audit_days = models.PositiveIntegerField(default=2557)

    class Meta(EvidenceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="one_retention_per_tenant"),
            models.CheckConstraint(
                condition=models.Q(content_days__range=(14, 30)), name="content_is_kept_14_to_30_days"
            ),
            models.CheckConstraint(condition=models.Q(audit_days__gte=183), name="the_record_is_kept_half_a_year"),
        ]


class LegalHold(EvidenceRow):
    """Content of a run that must be kept whatever its time: it is neither forgotten nor erased until released."""

    run_id = models.UUIDField()
    reason = models.CharField(max_length=500)
    placed_by = models.UUIDField()
    released_at = models.DateTimeField(null=True)
    released_by = models.UUIDField(null=True)

    class Meta(EvidenceRow.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "run_id"], condition=models.Q(released_at=None), name="one_hold_per_run"
            )
        ]


class Pruning(EvidenceRow):
    """A signed list (DSSE) of leaves of a log whose events were removed when their time was over."""

    log_id = models.UUIDField()
    envelope = models.TextField()

    class Meta(EvidenceRow.Meta):
        indexes = [models.Index(fields=["log_id", "id"], name="pruning_by_log")]


class KeyringVersion(EvidenceRow):
    """The signed key history of a tenant; each version repeats the ones before."""

    version = models.IntegerField()
    envelope = models.TextField()

    class Meta(EvidenceRow.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant", "version"], name="one_keyring_per_version")]

    def __str__(self) -> str:
        return f"keyring {self.version}"


class Anchor(EvidenceRow):
    """A signed head as one leaf of an anchor tree, and the time stamps over the root of that tree (DER, hex)."""

    log_id = models.UUIDField()
    size = models.BigIntegerField()
    index = models.BigIntegerField()
    tree_size = models.BigIntegerField()
    root = models.BinaryField()
    path = models.BinaryField(default=bytes)
    tokens = models.JSONField(default=list)

    class Meta(EvidenceRow.Meta):
        indexes = [models.Index(fields=["log_id", "size"], name="anchor_by_head")]


class Cosignature(EvidenceRow):
    """What a witness put below a signed head, as the line of the note."""

    log_id = models.UUIDField()
    size = models.BigIntegerField()
    name = models.CharField(max_length=255)
    line = models.TextField()

    class Meta(EvidenceRow.Meta):
        constraints = [models.UniqueConstraint(fields=["log_id", "size", "name"], name="one_line_per_witness")]


class Outlet(EvidenceRow):
    """How far the heads of a log have been pushed to a place of the customer's, and when the last one was."""

    place = models.CharField(max_length=100)
    log_id = models.UUIDField()
    size = models.BigIntegerField(default=0)
    pushed_at = models.DateTimeField(null=True)

    class Meta(EvidenceRow.Meta):
        constraints = [models.UniqueConstraint(fields=["place", "log_id"], name="one_outlet_per_log")]


class ExportJob(EvidenceRow):
    """A bundle that somebody asked for. `done` of `total` events are sealed; `digest` is the payload of a period."""

    kind = models.CharField(max_length=10)
    log_id = models.UUIDField()
    run_id = models.UUIDField(null=True, blank=True)
    request_id = models.UUIDField(null=True, blank=True)
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True, default="")
    size = models.PositiveBigIntegerField(default=0)
    problem = models.CharField(max_length=500, blank=True, default="")
    actor_kind = models.CharField(max_length=20)
    actor_id = models.UUIDField()
    actor_label = models.CharField(max_length=200)
    actor_method = models.CharField(max_length=40)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta(EvidenceRow.Meta):
        indexes = [models.Index(fields=["tenant", "-id"], name="export_job_recent")]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"
