"""Pings: they pass through the whole gateway and end here, without a socket.

`interlock.drill.ping` is granted to the drill alone, `interlock.canary.ping` to nobody. Whoever gets an answer
has passed every check, also the one right before the first byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.types import About, CallContext, Done, JsonObject, Outcome, ReadVerbs, WriteVerbs


@dataclass(frozen=True, slots=True)
class Ping:
    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        ctx.on_first_byte()
        return Done(output={"passed": True})


@dataclass(frozen=True, slots=True)
class InterlockDriver:
    name: str = "interlock"
    records: Mapping[str, About] = field(default_factory=dict)
    events: Mapping[str, About] = field(default_factory=dict)
    verbs: Mapping[str, ReadVerbs | WriteVerbs] = field(
        default_factory=lambda: {"interlock.drill.ping": Ping(), "interlock.canary.ping": Ping()}
    )
