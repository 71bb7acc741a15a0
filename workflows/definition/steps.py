"""What a step is: one of four kinds, with what bounds it. Frozen values, built from a checked document. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from workflows.definition.expressions import expressions_in, names_used, steps_named

DEFAULT_RETRIES = 3
DEFAULT_TIMEOUT_S = 600

_SECONDS: Mapping[str, int] = MappingProxyType({"s": 1, "m": 60, "h": 3600, "d": 86400})


class StepKind(StrEnum):
    """`call` asks the gateway, `compute` fills values, `wait` is a timer, `run` starts another workflow."""

    CALL = "call"
    COMPUTE = "compute"
    WAIT = "wait"
    RUN = "run"


class OnFailure(StrEnum):
    """What a step's failure means: the run turns back, or goes on (only where there is nothing to undo)."""

    UNDO = "undo"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses between tries: `initial_s`, times `factor` each time, at most `ceiling_s`."""

    initial_s: int = 1
    factor: int = 2
    ceiling_s: int = 120


@dataclass(frozen=True, slots=True)
class Foreach:
    """One child per item of a list. `items`: text with one expression; `name`: what the item is called.

    More than `max` items fail the step before anything is sent; at most `parallel` run at a time.
    """

    items: str
    name: str
    max: int
    parallel: int = 1


@dataclass(frozen=True, slots=True)
class Wait:
    """A timer: `for_s` from when the step is ready, or `until` a time (text with one expression, RFC 3339)."""

    for_s: int | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Sub:
    """Another workflow of the same workspace, at one version."""

    workflow: str
    version: str


@dataclass(frozen=True, slots=True)
class ApprovalHint:
    """The least approval that the workflow insists on, whatever the policy allows. `tier` as in `approvals.types`."""

    tier: str = "standard"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One step. `needs` are the ids it waits for: those written down and those its expressions name.

    `arguments` is `with:` of a call or a sub-run, and the map of a compute step. `tool` is empty unless the
    kind is `call`. `timeout_s`: how long transient failures may be retried, counted from the first attempt; how long
    a sub-run may take, 0 for as long as its parent.
    """

    id: str
    kind: StepKind
    tool: str
    tool_version: str | None
    instance: str | None
    arguments: dict[str, Any]
    needs: frozenset[str]
    when: str | None
    max_retries: int
    timeout_s: int
    irreversible: bool
    expressions: tuple[str, ...]
    backoff: Backoff = Backoff()
    on_failure: OnFailure = OnFailure.UNDO
    approval_hint: ApprovalHint | None = None
    reason: str = ""
    foreach: Foreach | None = None
    wait: Wait | None = None
    sub: Sub | None = None

    @property
    def reads_trigger(self) -> bool:
        return "trigger" in names_used(self.expressions)


def step_of(step: dict[str, Any]) -> StepSpec:
    """The step in a member of `spec.steps` that satisfies `workflow-1.json`."""
    tool, _, version = step.get("call", "").partition("@")
    expressions = tuple(_expressions_of(step))
    retry = step.get("retry", {})
    return StepSpec(
        id=step["id"],
        kind=next(kind for kind in StepKind if kind in step),
        tool=tool,
        tool_version=version or None,
        instance=step.get("instance"),
        arguments=step.get("compute", step.get("with", {})),
        needs=frozenset(step.get("needs", ())) | steps_named(expressions),
        when=step.get("when"),
        max_retries=retry.get("max", 0 if "irreversible" in step else DEFAULT_RETRIES),
        timeout_s=_timeout(step),
        irreversible=step.get("irreversible", False),
        expressions=expressions,
        backoff=_backoff(retry.get("backoff", {})),
        on_failure=OnFailure(step.get("on_failure", OnFailure.UNDO)),
        approval_hint=ApprovalHint(**step["approval"]) if "approval" in step else None,
        reason=step.get("reason", ""),
        foreach=_foreach(step.get("foreach")),
        wait=_wait(step.get("wait")),
        sub=Sub(**step["run"]) if "run" in step else None,
    )


def _timeout(step: dict[str, Any]) -> int:
    if "timeout" in step:
        return seconds(step["timeout"])
    return 0 if "run" in step else DEFAULT_TIMEOUT_S


def seconds(duration: str) -> int:
    """`90s`, `5m`, `2h`, `3d` in seconds."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def _backoff(document: dict[str, Any]) -> Backoff:
    usual = Backoff()
    initial = seconds(document["initial"]) if "initial" in document else usual.initial_s
    ceiling = seconds(document["ceiling"]) if "ceiling" in document else max(usual.ceiling_s, initial)
    return Backoff(initial, document.get("factor", usual.factor), ceiling)


def _foreach(document: dict[str, Any] | None) -> Foreach | None:
    if document is None:
        return None
    return Foreach(document["items"], document["as"], document["max"], document.get("parallel", 1))


def _wait(document: dict[str, Any] | None) -> Wait | None:
    if document is None:
        return None
    return Wait(seconds(document["for"])) if "for" in document else Wait(until=document["until"])


def _expressions_of(step: dict[str, Any]) -> Iterator[str]:
    """Every expression of a step; texts that do not cut are left to the lint."""
    if "when" in step:
        yield step["when"]
    for member in ("with", "compute", "wait", "foreach"):
        yield from expressions_in(step.get(member, {}))
