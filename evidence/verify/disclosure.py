"""Opened commitments: the content, and the salt that ties it to one place of one event."""

from dataclasses import dataclass

from evidence.verify import jcs
from evidence.verify.commitment import SALT_SIZE, commit
from evidence.verify.encoding import b64, unb64
from evidence.verify.envelope import Event
from evidence.verify.malformed import Malformed


@dataclass(frozen=True)
class Disclosure:
    """`path` is a JSON pointer into the event."""

    event: str
    path: str
    salt: bytes
    content: bytes

    def line(self) -> bytes:
        return jcs.dumps({"event": self.event, "path": self.path, "salt": b64(self.salt), "content": b64(self.content)})

    def opens(self, event: Event) -> bool:
        """True when the event commits to exactly this content at this place."""
        committed = dict(event.commitments()).get(self.path)
        if committed is None or event.id != self.event:
            return False
        size_fits = jcs.is_whole(committed["len"]) and committed["len"] == len(self.content)
        return size_fits and committed["c"] == commit(self.salt, event.id, self.path, self.content)


def parse(line: bytes) -> Disclosure:
    """Read one line; raises Malformed."""
    members = jcs.loads_object(line)
    if set(members) != {"event", "path", "salt", "content"}:
        raise Malformed("SCHEMA", "not a disclosure")
    event, path = members["event"], members["path"]
    if not isinstance(event, str) or not isinstance(path, str):
        raise Malformed("SCHEMA", "a disclosure names an event and a place in it")
    return Disclosure(event, path, unb64(members["salt"], size=SALT_SIZE), unb64(members["content"]))
