"""Content on its way into an event: a commitment takes its place, the content itself goes elsewhere or nowhere."""

from functools import cached_property
from typing import Any
from uuid import UUID

from controlplane.lib.events import Committed
from evidence import shredding
from evidence.models import Content
from evidence.verify import commitment, envelope
from tenants import payloads, scope
from tenants.models import Tenant


class Committer:
    """The commitments of one event. Key and opt-in are read once, and only when there is content."""

    def __init__(self, event_id: UUID, subject_id: UUID) -> None:
        self._event_id = event_id
        self._subject_id = subject_id

    def sealed(self, path: str, value: Any) -> Any:
        """The value with commitments in place of content; absent members are left out, never null."""
        if isinstance(value, Committed):
            return self._commit(path, value)
        if isinstance(value, dict):
            present = {name: member for name, member in value.items() if member is not None}
            return {name: self.sealed(envelope.pointer(path, name), present[name]) for name in present}
        if isinstance(value, list):
            return [self.sealed(envelope.pointer(path, str(index)), item) for index, item in enumerate(value)]
        return value

    def _commit(self, path: str, committed: Committed) -> dict[str, Any]:
        event = str(self._event_id)
        salt = commitment.salt(self._shred_key, event, path)
        if self._keeps_content:
            self._keep(path, committed)
        return {
            "c": commitment.commit(salt, event, path, committed.content),
            "len": len(committed.content),
            "mt": committed.media_type,
        }

    def _keep(self, path: str, committed: Committed) -> None:
        """Encrypted and expiring, found again by event and place; the record never holds it."""
        digest = payloads.put(committed.content, committed.media_type)
        Content.objects.create(event_id=self._event_id, path=path, digest=digest)

    @cached_property
    def _shred_key(self) -> bytes:
        return shredding.key_for(self._subject_id)

    @cached_property
    def _keeps_content(self) -> bool:
        return Tenant.objects.filter(pk=scope.current(), keep_content=True).exists()
