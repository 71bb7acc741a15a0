"""The input document of the policy decision point (`interlock.input/1`). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from connectors.gateway.digest import BoundAction
from connectors.gateway.marks import Past
from connectors.types import Action, JsonObject

SCHEMA = "interlock.input/1"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who wants the action. `roles` are those held in the workspace, sorted."""

    id: UUID
    type: str
    roles: tuple[str, ...] = ()
    on_behalf_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the action belongs: the environment by its slug, connector by the instance's name.

    `approval_floor`: the tier that the workflow insists on, empty when it leaves that to policy. `reason`: why, as
    stated with the call. `record`: the one it is about, by whichever instance; `brings`: the data classes that its
    answer may hold.
    """

    environment: str
    connector: str
    provider: str
    workflow: str
    workflow_version: str
    lane: str
    ticket: str | None
    approval_floor: str = ""
    reason: str = ""
    record: str = ""
    brings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What changes from one decision to the next. Money in micro-USD, `now_ns` since the epoch."""

    request_id: UUID
    now_ns: int
    attempt: int
    run_micro: int
    estimate_micro: int
    past: Past = field(default_factory=Past)
    approvals: Sequence[Mapping[str, Any]] = ()


def build(
    *, bound: BoundAction, digest: str, action: Action, subject: Subject, place: Place, now: Circumstances
) -> JsonObject:
    """The whole document. `action` is `tool.compensate` in the compensation lane for anything but a read."""
    undoing = place.lane == "compensation" and action.kind != "read"
    return {
        "schema": SCHEMA,
        "request_id": str(now.request_id),
        "pep": "gateway",
        "tenant": str(bound.tenant),
        "workspace": str(bound.workspace),
        "environment": place.environment,
        "action": "tool.compensate" if undoing else "tool.call",
        "subject": _subject(subject),
        "resource": _resource(bound, action, place),
        "context": _context(bound, place, now),
        "approvals": [dict(approval) for approval in now.approvals],
        "action_digest": digest,
    }


def _subject(subject: Subject) -> JsonObject:
    return {
        "id": str(subject.id),
        "type": subject.type,
        "roles": sorted(subject.roles),
        "on_behalf_of": _text(subject.on_behalf_of),
    }


def _resource(bound: BoundAction, action: Action, place: Place) -> JsonObject:
    return {
        "type": "tool",
        "tool": action.tool,
        "tool_version": action.version,
        "connector": place.connector,
        "kind": action.kind.value,
        "risk": action.risk.value,
        "reversibility": action.reversibility.value,
        "data_classes": sorted(action.data_classes),
        "model": _model(bound, action),
        "provider": place.provider if action.kind == "model" else None,
        "workflow": place.workflow,
        "workflow_version": place.workflow_version,
        "step": bound.step,
        "args": bound.args,
        "target": bound.target,
        "record": place.record or None,
        "brings": sorted(place.brings),
        "approval_floor": place.approval_floor or None,
        "reason": place.reason or None,
    }


def _context(bound: BoundAction, place: Place, now: Circumstances) -> JsonObject:
    return {
        "now_ns": now.now_ns,
        "run_id": str(bound.run),
        "attempt": now.attempt,
        "spend": {"run_micro": now.run_micro},
        "estimate": {"cost_micro": now.estimate_micro},
        **_past(now.past),
        "lane": place.lane,
        "ticket": place.ticket,
    }


def _past(past: Past) -> JsonObject:
    """What came before, from both sides at once, and of the run and of the ticket alone."""
    whole = past.whole
    return {
        "writes_so_far": whole.writes,
        "tools_used": sorted(whole.tools),
        "data_classes_read": sorted(whole.sources),
        "carries": {name: list(places) for name, places in whole.sources.items()},
        "history": {"run": past.run.told(), "ticket": past.ticket.told() if past.ticket else None},
    }


def _model(bound: BoundAction, action: Action) -> str | None:
    return str(bound.args.get("model", "")) if action.kind == "model" else None


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
