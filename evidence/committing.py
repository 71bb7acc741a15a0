"""Content on its way into an event: a commitment takes its place, the content itself goes elsewhere or nowhere."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any
from uuid import UUID

from controlplane.lib.events import Committed
from evidence import keeping, shredding
from evidence.models import Content, ShredKey
from evidence.verify import commitment, envelope
from tenants import quick

_NEVER_CONTENT = frozenset({str, int, bool})


class Sealer:
    """What the events of one transaction share: shred keys and opt-in, read once and only when there is content."""

    def __init__(self, runs: Iterable[UUID]) -> None:
        """`runs` are locked: nobody else writes for them before this transaction ends."""
        self._runs = list(runs)
        self._made: list[ShredKey] = []
        self._contents: list[Content] = []

    def of(self, event_id: UUID, subject_id: UUID) -> "Committer":
        return Committer(self, event_id, subject_id)

    def shred_key(self, subject_id: UUID) -> bytes:
        key = self._shred_keys.get(subject_id)
        if key is None:
            key = self._shred_keys[subject_id] = self._new_key(subject_id)
        return key

    def _new_key(self, subject_id: UUID) -> bytes:
        key, row = shredding.fresh(subject_id)
        self._made.append(row)
        return key

    def take(self, event_id: UUID, subject_id: UUID, path: str, content: bytes) -> None:
        """Content that a tenant opted in to keep is kept, by `keep`."""
        if self._kept_days:
            key = self.shred_key(subject_id)
            self._contents.append(keeping.row(key, subject_id, event_id, path, content, self._kept_days))

    def keep(self) -> None:
        """Encrypted and expiring, found again by event and place; the record never holds it."""
        quick.insert(self._made)
        quick.insert(self._contents)

    @cached_property
    def _shred_keys(self) -> dict[UUID, bytes]:
        return shredding.find_many(self._runs) if self._runs else {}

    @cached_property
    def _kept_days(self) -> int:
        return keeping.days()


class Committer:
    """The commitments of one event."""

    def __init__(self, sealer: Sealer, event_id: UUID, subject_id: UUID) -> None:
        self._sealer = sealer
        self._event_id = event_id
        self._subject_id = subject_id

    def sealed(self, path: str, value: Any) -> Any:
        """The value with commitments in place of content; absent members are left out, never null."""
        if isinstance(value, Committed):
            return self._commit(path, value)
        if isinstance(value, dict):
            present = {name: member for name, member in value.items() if member is not None}
            return {name: self._member(path, name, present[name]) for name in present}
        if isinstance(value, list):
            return [self._member(path, str(index), item) for index, item in enumerate(value)]
        return value

    def _member(self, path: str, name: str, value: Any) -> Any:
        return value if type(value) in _NEVER_CONTENT else self.sealed(envelope.pointer(path, name), value)

    def _commit(self, path: str, committed: Committed) -> dict[str, Any]:
        event = str(self._event_id)
        salt = commitment.salt(self._sealer.shred_key(self._subject_id), event, path)
        self._sealer.take(self._event_id, self._subject_id, path, committed.content)
        return {
            "c": commitment.commit(salt, event, path, committed.content),
            "len": len(committed.content),
            "mt": committed.media_type,
        }
