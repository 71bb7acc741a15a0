"""What a replay is made from: the events of one run, what of their content is open, and the documents they name.

The same whether it was read beside the database or out of a bundle. Pure.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from controlplane.lib.canonical import sha256_hex
from evidence.verify import container, dossier, jcs, layout
from evidence.verify import disclosure as disclosures
from evidence.verify.commitment import commit
from evidence.verify.disclosure import Disclosure
from evidence.verify.envelope import Event, parse_event
from evidence.verify.malformed import Malformed

Place = tuple[str, str]
"""An event's id and a JSON pointer into it."""


@dataclass(frozen=True)
class Material:
    """`opened`: content by its place; `documents`: workflow definitions and policy bundles by their SHA-256.

    Beside the database there may be more: `tape` of a run that is still open, and `kept`: answers by their SHA-256
    that no event of the run holds.
    """

    events: Sequence[Event]
    opened: Mapping[Place, Disclosure]
    documents: Mapping[str, bytes] = field(default_factory=dict)
    tape: Sequence[Mapping[str, Any]] = ()
    kept: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def run_id(self) -> UUID:
        return UUID(self.events[0].run)

    @property
    def tenant_id(self) -> UUID:
        """The origin of a log is `<deployment>/<tenant>/<log>/<epoch>`."""
        return UUID(self.events[0].origin.split("/")[-3])

    def first(self, type_name: str) -> Event | None:
        return next((event for event in self.events if event.type == type_name), None)

    def last(self, type_name: str) -> Event | None:
        return next((event for event in reversed(self.events) if event.type == type_name), None)

    def content(self, event: Event | None, path: str) -> bytes | None:
        """What is open at a place of an event; None when it is not."""
        found = self.opened.get((event.id, path)) if event is not None else None
        return None if found is None else found.content

    def document(self, event: Event | None, path: str) -> Any:
        content = self.content(event, path)
        return None if content is None else json.loads(content)

    def commitment(self, event: Event, path: str, content: bytes) -> str | None:
        """What the event would commit to if this were the content; None when the salt is not open."""
        found = self.opened.get((event.id, path))
        return None if found is None else commit(found.salt, event.id, path, content)

    def genuine(self, event: Event, path: str) -> bool:
        """Whether what is open at a place is what the event committed to; nothing open is nothing false."""
        content, committed = self.content(event, path), event.data.get(path.removeprefix("/data/"))
        if content is None:
            return True
        return isinstance(committed, dict) and committed.get("c") == self.commitment(event, path, content)


def of_bundle(bundle: bytes) -> Material:
    """The material in a bundle (`.evb`); raises Malformed. Whether the bundle is genuine is the verifier's to say."""
    members = container.unpack(bundle)
    missing = [name for name in (layout.EVENTS, layout.DISCLOSURES) if name not in members]
    if missing:
        raise Malformed("MISSING-FILE", f"{missing[0]} is not in the bundle")
    events = dossier.lines_of(members, layout.EVENTS, parse_event)
    if not events or not events[0].run:
        raise Malformed("SCHEMA", "the bundle is not about a run")
    opened = dossier.lines_of(members, layout.DISCLOSURES, disclosures.parse)
    return Material(events, {(each.event, each.path): each for each in opened}, documents_in(members))


def documents_in(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those that are what their name says: a document under the digest of another one is none."""
    named = {name.removeprefix(layout.REPLAY): data for name, data in members.items() if name.startswith(layout.REPLAY)}
    return {name: data for name, data in named.items() if sha256_hex(data) == name}


def differing(recorded: Any, replayed: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """The first place, as a JSON pointer, where two documents differ, and what stands there."""
    if isinstance(recorded, dict) and isinstance(replayed, dict):
        for name in sorted({*recorded, *replayed}):
            inside = f"{path}/{name}"
            found = differing(recorded.get(name, _NONE), replayed.get(name, _NONE), inside)
            if found:
                return found
        return None
    if isinstance(recorded, list) and isinstance(replayed, list) and len(recorded) == len(replayed):
        pairs = enumerate(zip(recorded, replayed, strict=True))
        return next((found for at, (one, two) in pairs if (found := differing(one, two, f"{path}/{at}"))), None)
    if type(recorded) is type(replayed) and recorded == replayed:
        return None
    return path, _shown(recorded), _shown(replayed)


_NONE: Any = object()


def _shown(value: Any) -> Any:
    return None if value is _NONE else value


def canonical_body(event: Event, data: dict[str, Any], link: dict[str, Any], actor: dict[str, Any]) -> bytes:
    """The bytes of an event whose id, time and log are as recorded."""
    members: dict[str, Any] = {
        "v": 1,
        "id": event.id,
        "type": event.type,
        "origin": event.origin,
        "time": event.time_ms,
    }
    return jcs.dumps({**members, "actor": actor, "data": data, "run": link})
