"""What a call, a sub-run or the policy answers to a run, as values and as they are written on its tape."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from connectors.calls import CallState, CallStatus
from controlplane.lib.canonical import digest
from policies.types import Asked, Decision, Effect, Reason
from workflows.types import RunState


@dataclass(frozen=True, slots=True)
class Refusal:
    """The gateway did not take it. `passing`: a race or a missing part, worth another try soon."""

    code: str
    detail: str
    passing: bool


@dataclass(frozen=True, slots=True)
class SubRunStatus:
    """Where a sub-run stands. `is_done`: all its steps are done, its effects stand and it waits for its parent;
    `label`: the worst of how its undone effects left their targets."""

    state: RunState
    is_done: bool
    effects: int
    code: str
    detail: str
    label: str
    output_digest: str


Answer: TypeAlias = CallStatus | SubRunStatus | Refusal


def answer_document(answer: Answer) -> dict[str, Any]:
    """An answer of the gateway as JSON; of an output only its digest: the content is recorded where it arose."""
    if isinstance(answer, Refusal):
        return {"kind": "refusal", "code": answer.code, "detail": answer.detail, "passing": answer.passing}
    return status_document(answer) if isinstance(answer, CallStatus) else sub_run_document(answer)


def status_document(status: CallStatus) -> dict[str, Any]:
    return {
        "kind": "call",
        "call_id": str(status.call_id),
        "state": status.state.value,
        "output": None if status.output is None else digest(status.output),
        "code": status.code,
        "detail": status.detail,
        "retry_at": status.retry_at.isoformat() if status.retry_at else None,
        "request_id": str(status.request_id) if status.request_id else None,
        "label": status.label,
    }


def sub_run_document(status: SubRunStatus) -> dict[str, Any]:
    told = {name: getattr(status, name) for name in ("is_done", "effects", "code", "detail", "label", "output_digest")}
    return {"kind": "sub_run", "state": status.state.value, **told}


def decision_document(decision: Decision) -> dict[str, Any]:
    """What the engine reads of a decision."""
    return {
        "effect": decision.effect.value,
        "reasons": [[reason.effect.value, reason.code, reason.rule, reason.message] for reason in decision.reasons],
        "obliged": bool(decision.obligations),
        "retry_after_s": decision.retry_after_s,
        "revision": decision.revision,
        "asked": sorted(decision.asked),
    }


def answer_of(told: dict[str, Any], output: Callable[[UUID, str], Any]) -> Answer:
    """The answer that was written down; `output` finds the content of a call's output by call and digest."""
    if told["kind"] == "refusal":
        return Refusal(told["code"], told["detail"], told["passing"])
    return sub_run_of(told) if told["kind"] == "sub_run" else _status_of(told, output)


def sub_run_of(told: dict[str, Any]) -> SubRunStatus:
    members = {name: value for name, value in told.items() if name not in {"kind", "state"}}
    return SubRunStatus(state=RunState(told["state"]), **members)


def _status_of(told: dict[str, Any], output: Callable[[UUID, str], Any]) -> CallStatus:
    call_id = UUID(told["call_id"])
    return CallStatus(
        call_id=call_id,
        state=CallState(told["state"]),
        output=None if told["output"] is None else output(call_id, told["output"]),
        code=told["code"],
        detail=told["detail"],
        retry_at=datetime.fromisoformat(told["retry_at"]) if told["retry_at"] else None,
        request_id=UUID(told["request_id"]) if told["request_id"] else None,
        label=told["label"],
    )


def decision_of(told: dict[str, Any], at: datetime) -> Decision:
    return Decision(
        id=UUID(int=0),
        effect=Effect(told["effect"]),
        reasons=[Reason(Effect(effect), code, rule, message) for effect, code, rule, message in told["reasons"]],
        obligations=[{"type": "recorded"}] if told["obliged"] else [],
        route=[],
        retry_after_s=told["retry_after_s"],
        revision=told["revision"],
        seq=0,
        bundle_sha256="",
        decided_at=at,
        asked=frozenset(map(Asked, told["asked"])),
    )
