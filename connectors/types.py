"""Value types between the gateway and its drivers. Pure: no Django, no sockets.

A driver serves one vendor. Per tool it offers `ReadVerbs` (do) or `WriteVerbs` (observe, do, probe, undo,
verify). It never retries and never raises for what the vendor answered: it returns an `Outcome`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeAlias, runtime_checkable

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object without floats, so that it has a canonical form."""


class Kind(StrEnum):
    READ = "read"
    WRITE = "write"
    MODEL = "model"


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Reversibility(StrEnum):
    REVERSIBLE = "reversible"
    COMPENSABLE = "compensable"
    IRREVERSIBLE = "irreversible"
    NOT_APPLICABLE = "not_applicable"


class Label(StrEnum):
    """How the target reads after an undo: as before, corrected by an addition, changed by others, or not."""

    RESTORED = "RESTORED"
    OFFSET = "OFFSET"
    CONFLICT = "CONFLICT"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Action:
    """One tool of a manifest at one version. Times in seconds, `per_minute` calls per connector instance."""

    tool: str
    version: str
    kind: Kind
    args_schema: JsonObject
    output_schema: JsonObject
    risk: Risk
    reversibility: Reversibility
    data_classes: tuple[str, ...]
    per_minute: int
    settle_time_s: int
    deadline_s: int
    undo_tool: str | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """A configured connector: where it lives and how it signs in. `config` never holds a secret.

    `allow_loopback` is the operator's leave to reach a stand-in on 127.0.0.1 over plain HTTP.
    """

    name: str
    driver: str
    base_url: str
    config: Mapping[str, Any] = field(default_factory=dict)
    allow_loopback: bool = False


@dataclass(frozen=True, slots=True)
class CallContext:
    """What one call may use.

    `credentials`: plaintext secrets by slot name, gone after the call. `marker`: idempotency marker such as
    `[interlock:<call>:<digest8>]`, written where the target keeps it. `deadline`: on `clock.monotonic()`.
    `on_first_byte`: called right before every request of the call; raises `SendAborted` to stop it.
    `again`: an earlier attempt was sent. `since`: Unix time before which the marker cannot have been written.
    """

    instance: Instance
    credentials: Mapping[str, bytes] = field(repr=False)
    marker: str
    deadline: float
    on_first_byte: Callable[[], None]
    again: bool = False
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """What evidence keeps of one request: digests of both bodies, status (0: no reply), vendor's id of it.

    `headers` are those of the request, secrets replaced.
    """

    method: str
    url: str
    status: int
    request_sha256: str
    response_sha256: str
    request_id: str = ""
    elapsed_ms: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """Tokens of a model call. `tokens_in` includes the cached ones; `estimated`: the provider did not say."""

    provider: str
    model: str
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    attempts: int = 1
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The target did it. `before`/`after` are the images of what a write touched."""

    output: JsonObject
    before: JsonObject | None = None
    after: JsonObject | None = None
    usage: ModelUsage | None = None
    wire: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The target refused, so nothing changed. Only `permanent=False` may be tried again (as a new attempt).

    The code `conflict` means: the target no longer reads as expected, nothing was sent.
    """

    permanent: bool
    code: str
    detail: str = ""
    retry_after_s: float | None = None
    usage: ModelUsage | None = None
    wire: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Unknown:
    """Sent, and nobody knows whether it landed: probe, never send again."""

    code: str
    detail: str = ""
    usage: ModelUsage | None = None
    wire: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not one byte with an effect left the process."""

    code: str
    detail: str = ""
    wire: tuple[Exchange, ...] = ()


Outcome: TypeAlias = Done | Failed | Unknown | NotSent


@dataclass(frozen=True, slots=True)
class Landed:
    """The marker was found: settle as this."""

    output: JsonObject
    after: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class NotLanded:
    """The target answered, has no marker and still reads as before the call."""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """No marker, but no proof of absence either: ask again later, then a person."""

    detail: str


Probe: TypeAlias = Landed | NotLanded | CannotTell


@dataclass(frozen=True, slots=True)
class Observation:
    """The read whose output is the before image of a write."""

    tool: str
    args: JsonObject


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the diff a person approves."""

    field: str
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a write would do, for people. `unchanged`: how many fields of the target were read and stay."""

    title: str
    target: str
    changes: tuple[Change, ...]
    unchanged: int


@dataclass(frozen=True, slots=True)
class UndoRecipe:
    """The exact inverse call. `cannot` says in words what no call takes back."""

    tool: str
    args: JsonObject
    expected: JsonObject
    summary: str
    cannot: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """What a fresh read of the target says about a write that was done.

    `label` is given by undo tools only (what the approver of the rollback is told).
    """

    reads_as_written: bool
    label: Label | None = None
    detail: str = ""
    observed: JsonObject | None = None


@runtime_checkable
class ReadVerbs(Protocol):
    """A read or a model call: it has no effect to probe or to undo."""

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome: ...


@runtime_checkable
class WriteVerbs(ReadVerbs, Protocol):
    """A write. `before` is the output of the observation (None when there is none), `after` that of `do`."""

    def observe_spec(self, args: JsonObject) -> Observation | None:
        """Which read shows the target before the write."""
        ...

    def expect(self, args: JsonObject, before: JsonObject | None) -> JsonObject:
        """The values that must still stand when the write is sent; part of the action digest."""
        ...

    def preview(self, args: JsonObject, before: JsonObject | None) -> Preview: ...

    def probe(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Probe: ...

    def undo(self, args: JsonObject, before: JsonObject | None, after: JsonObject | None) -> UndoRecipe | None:
        """The inverse; with `after=None` as planned, before anything was written. None: there is none."""
        ...

    def verify(self, ctx: CallContext, args: JsonObject, after: JsonObject) -> Verified:
        """Read the target back and compare it with `after`, the image that `do` or `probe` returned."""
        ...


@runtime_checkable
class CheckedByHand(Protocol):
    """A write of which a person is told how to look for it at the vendor."""

    def by_hand(self, args: JsonObject, marker: str) -> str:
        """Where to look and for what, in one or two sentences, without content of the write."""
        ...


@dataclass(frozen=True, slots=True)
class About:
    """Which record of the vendor a call is about: a kind, and the arguments that name one. Never content.

    Two tools that read and write the same record say the same, so that data is known to come back to where it was.
    """

    kind: str
    by: tuple[str, ...]

    def named(self, args: JsonObject) -> str:
        """Like `incident/<sys_id>`."""
        return "/".join((self.kind, *(str(args[name]) for name in self.by)))

    def names(self, data: JsonObject) -> bool:
        """Whether the data says which record it is."""
        return all(isinstance(data.get(name), str) and data[name] for name in self.by)


class Driver(Protocol):
    """One vendor: its verbs by tool name, and which tools and events are about a record. The keys of `verbs` equal the
    tools of its manifest."""

    @property
    def name(self) -> str: ...

    @property
    def verbs(self) -> Mapping[str, ReadVerbs | WriteVerbs]: ...

    @property
    def records(self) -> Mapping[str, About]: ...

    @property
    def events(self) -> Mapping[str, About]: ...
