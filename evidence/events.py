"""Events that the record writes about itself, and the one that closes a run."""

from dataclasses import dataclass
from uuid import UUID

from controlplane.lib.events import event


@event("run.sealed")
@dataclass(frozen=True)
class RunSealed:
    """The run is complete: `count` events came before this one, `root` is the Merkle root over their hashes (hex)."""

    count: int
    root: str


@event("log.heartbeat")
@dataclass(frozen=True)
class LogHeartbeat:
    """Nothing happened, and that is on record too: silence differs from deletion."""

    size: int


@event("event.quarantined")
@dataclass(frozen=True)
class EventQuarantined:
    """A queue row was set aside (`evidence.screening.REASONS`); `event_hash`: of the bytes as they were found (hex)."""

    event_id: UUID
    reason: str
    event_hash: str | None = None


@event("guard.attested")
@dataclass(frozen=True)
class GuardAttested:
    """Somebody looked at what guards the tables of the record, and it is as when they looked last.

    `digest`: of the guards and of when they were made; `faults`: what is not as it must be; `leaves`: of all logs.
    """

    digest: str
    faults: list[str]
    leaves: int


@event("guard.changed")
@dataclass(frozen=True)
class GuardChanged:
    """What guards the tables of the record is not what it was. `before` None: nobody had looked before.

    `changes`: which guards; `faults`: what is not as it must be. Both name at most forty.
    """

    before: str | None
    digest: str
    changes: list[str]
    faults: list[str]


@event("key.announced")
@dataclass(frozen=True)
class KeyAnnounced:
    """A version of the keyring; `keyring` is the SHA-256 of its envelope."""

    version: int
    keyring: str


@event("key.revoked")
@dataclass(frozen=True)
class KeyRevoked:
    """The key `kid` speaks for nobody since `revoked_at_ms`; the keyring announced just before says so."""

    kid: str
    use: str
    revoked_at_ms: int
    reason: str


@event("anchor.recorded")
@dataclass(frozen=True)
class AnchorRecorded:
    """The head of `size` leaves is in the anchor tree `root`; `tokens` are the SHA-256 of the time stamps over it.

    Whatever stands behind this leaf is younger than they are.
    """

    size: int
    tree_size: int
    root: str
    tokens: list[str]


@event("evidence.export_requested")
@dataclass(frozen=True)
class ExportRequested:
    """Somebody had a bundle made; that it was handed out is on record when it is."""

    job_id: UUID
    kind: str
    log_id: UUID
    run_id: UUID | None
    request_id: UUID | None


@event("log.continued")
@dataclass(frozen=True)
class LogContinued:
    """After a restore a new epoch goes on with what is left of the log: the first `kept` leaves, under `kept_root`.

    `signed` leaves had been signed, under `signed_root`: those behind `kept` are lost. `found` leaves were here, those
    behind `kept` unsigned.
    """

    origin: str
    previous: str
    kept: int
    kept_root: str
    signed: int
    signed_root: str
    found: int
    cause: str
    reason: str


@event("log.pruned")
@dataclass(frozen=True)
class LogPruned:
    """So many events, of leaves from `first` up to `end`, were older than `audit_days` and left the database.

    Which leaves they were is in the signed list whose SHA-256 is `listed`.
    """

    pruning_id: UUID
    events: int
    first: int
    end: int
    audit_days: int
    listed: str


@event("evidence.exported")
@dataclass(frozen=True)
class EvidenceExported:
    """Reading is on record: who took which run's bundle, with how much content opened.

    `request_id`: only the run up to the end of that approval.
    """

    run_id: UUID
    events: int
    disclosed: int
    checkpoint_size: int
    request_id: UUID | None = None


@event("evidence.period_exported")
@dataclass(frozen=True)
class PeriodExported:
    """Somebody took all events of a log from leaf `first_leaf` up to a signed head."""

    log_id: UUID
    first_leaf: int
    events: int
    checkpoint_size: int


@event("erasure.refused")
@dataclass(frozen=True)
class ErasureRefused:
    """Somebody asked for an erasure, and a legal hold forbids it."""

    subject_id: UUID
    basis: str


@event("hold.placed")
@dataclass(frozen=True)
class HoldPlaced:
    """What is kept of the run stays, whatever its time, until the hold is released."""

    hold_id: UUID
    run_id: UUID
    reason: str


@event("hold.released")
@dataclass(frozen=True)
class HoldReleased:
    hold_id: UUID
    run_id: UUID


@event("retention.set")
@dataclass(frozen=True)
class RetentionSet:
    """For how many days content and the record itself are kept from here on."""

    content_days: int
    audit_days: int


@event("erasure.of_person")
@dataclass(frozen=True)
class PersonErased:
    """Everything kept of these runs, and whatever else was found to hold the same words, is gone. The words themselves
    are on no record."""

    runs: list[UUID]
    contents: int
    payloads: int
    reason: str


@event("erasure.completed")
@dataclass(frozen=True)
class ErasureCompleted:
    """The shred key of a subject is gone; its commitments stay and can no longer be opened."""

    subject_id: UUID
    reason: str
