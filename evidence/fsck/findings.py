"""What `fsck` can find. Each code has a test in which somebody with all rights in the database causes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

CODES: Mapping[str, str] = MappingProxyType(
    {
        "LEAF-GAP": "a log misses a leaf, or has more than its head says",
        "LEAF-EDITED": "a leaf is not the canonical leaf of its place, or its hash is not of its bytes",
        "LEAF-LINK": "a leaf does not name the leaf before it, or is older than it",
        "EVENT-GONE": "a leaf is there, its event is not",
        "PRUNING": "a list of what was pruned is not signed or not told, or has a leaf not due or with its event",
        "EVENT-EDITED": "an event is not the one that its leaf commits to",
        "EVENT-LOST": "an event is neither a leaf nor waiting nor set aside",
        "EVENT-TWICE": "an event is more than one of: a leaf, waiting, set aside",
        "SEAL": "an event does not carry the seal of the process that wrote it",
        "PROJECTION": "the columns of an event do not say what its bytes say",
        "TREE": "a stored node of the tree, or the end that grows, is not what the leaves make",
        "CHECKPOINT-ROOT": "a signed head is not over the leaves that are here",
        "CHECKPOINT-SIGNATURE": "a signed head carries no good signature of a key of the keyring",
        "SIGNED-HEAD": "the log does not extend what was signed and is kept outside the database",
        "LOG-GONE": "a log of which a signed head is kept, or which others were shown, is not here any more",
        "LOG-FROZEN": "the sequencer refused to sign this log",
        "RUN-CHAIN": "the events of a run are not linked one behind the other",
        "RUN-HEAD": "the head of a run is not its last event",
        "QUARANTINE-UNTOLD": "an event was set aside and no leaf says so",
        "KEYRING": "a version of the keyring is missing or is not signed by a root key",
        "GUARD": "a guard of the tables is not as it must be",
    }
)


@dataclass(frozen=True, order=True)
class Finding:
    """`place`: a log, run, event or guard, by what it is called."""

    code: str
    place: str
    message: str
    tenant_id: UUID | None = None

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise LookupError(self.code)
