"""An event type of the tests."""

from dataclasses import dataclass

from controlplane.lib.events import Committed, event


@event("test.noted")
@dataclass(frozen=True)
class Noted:
    text: str
    content: Committed | None = None
