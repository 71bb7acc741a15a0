"""One question to the decision point, and its record."""

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from controlplane.lib import clock, telemetry
from controlplane.lib.canonical import sha256_hex
from controlplane.lib.events import Committed
from controlplane.lib.logs import get_logger
from evidence.recording import Entry
from evidence.services import record_many
from policies import active, contract, point
from policies.contract import BadInput
from policies.engine.protocol import PointFailure
from policies.events import PolicyDecided
from policies.freshness import Statement
from policies.models import DecisionRecord
from policies.types import Asked, Decision, Phase, Reason, Verdict
from tenants import payloads, quick, scope
from tenants.actors import Actor

log = get_logger(__name__)

_NOW_TOLERANCE_NS = 60_000_000_000
_SHOWN_REASONS = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question. `content`: the input's bytes, None when it has none; `statement`: whose policy;
    `asked`: what else it wants to be asked about."""

    verdict: Verdict
    content: bytes | None
    statement: Statement | None
    asked: frozenset[Asked] = frozenset()


@dataclass(frozen=True, slots=True)
class Occasion:
    """What was asked about, and for whom."""

    document: dict[str, Any]
    workspace_id: UUID
    environment_id: UUID
    run_id: UUID | None
    call_id: UUID | None


def ask(
    document: dict[str, Any],
    *,
    workspace_id: UUID,
    environment_id: UUID,
    rules: Callable[[UUID], active.Active] = active.of,
) -> Answer:
    """Never raises for doubt: every cause of it is a DENY with its code."""
    content, statement, asked = None, None, frozenset[Asked]()
    try:
        content = contract.encode(document)
        _require_sound(document, workspace_id)
        found = rules(environment_id)
        statement, asked = found.statement, found.asked
        return Answer(_evaluated(found, document), content, statement, asked)
    except BadInput as error:
        return Answer(Verdict.denied("bad_input", f"The question is malformed: {error}"), content, statement)
    except PointFailure as failure:
        log.warning("policy decision failed closed", extra={"code": failure.code, "reason": failure.detail})
        return Answer(Verdict.denied(failure.code, _WORDS.get(failure.code, _NO_ANSWER)), content, statement, asked)


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision with all that is written down about it."""

    decision: Decision
    answer: Answer
    occasion: Occasion
    duration_us: int


def keep(decisions: Sequence[Kept], *, actor: Actor) -> None:
    """Write decisions down: the input as payload, the row, and the event that commits to the input."""
    with nullcontext() if connection.in_atomic_block else transaction.atomic():
        payloads.put_many([kept.answer.content for kept in decisions if kept.answer.content is not None])
        told = record_many([_entry(kept, actor) for kept in decisions])
        quick.insert([_row(kept, actor, receipt.id) for kept, receipt in zip(decisions, told, strict=True)])


def _entry(kept: Kept, actor: Actor) -> Entry:
    event = _event(kept.decision, kept.answer, kept.occasion, kept.duration_us)
    return Entry(event, actor, kept.occasion.workspace_id, kept.occasion.run_id)


def _row(kept: Kept, actor: Actor, evidence_id: UUID) -> DecisionRecord:
    decision, occasion, content = kept.decision, kept.occasion, kept.answer.content
    return DecisionRecord(
        id=decision.id,
        workspace_id=occasion.workspace_id,
        environment_id=occasion.environment_id,
        run_id=occasion.run_id,
        call_id=occasion.call_id,
        actor_id=actor.id,
        **_subject_of(occasion.document),
        effect=decision.effect,
        code=decision.reasons[0].code if decision.reasons else "",
        reasons=[dataclasses.asdict(reason) for reason in decision.reasons],
        observed=[dataclasses.asdict(reason) for reason in decision.observed],
        obligations=decision.obligations,
        route=decision.route,
        retry_after_s=decision.retry_after_s,
        revision=decision.revision,
        seq=decision.seq,
        bundle_sha256=decision.bundle_sha256,
        input_digest=sha256_hex(content) if content is not None else "",
        evidence_id=evidence_id,
        duration_us=kept.duration_us,
        decided_at=decision.decided_at,
    )


def _require_sound(document: dict[str, Any], workspace_id: UUID) -> None:
    """In the schema, about this tenant and workspace, and of now: else an old question could be asked again."""
    contract.check_input(document)
    if (document["tenant"], document["workspace"]) != (str(scope.current()), str(workspace_id)):
        raise BadInput("$.tenant, $.workspace: of somewhere else")
    if abs(document["context"]["now_ns"] - clock.now_ns()) > _NOW_TOLERANCE_NS:
        raise BadInput("$.context.now_ns: not now")


def _evaluated(found: active.Active, document: dict[str, Any]) -> Verdict:
    with telemetry.span("policy.decide", action=document["action"], seq=found.statement.seq):
        try:
            answer = point.current().evaluate(found.program, document)
        except PointFailure:
            raise
        except Exception as error:
            log.exception("the decision point raised what it does not declare")
            raise PointFailure("pdp_error", type(error).__name__) from error
    return contract.read_decision(
        answer,
        request_id=document["request_id"],
        revision=found.statement.revision,
        seq=found.statement.seq,
        phase=contract.phase_of(document),
    )


def _event(decision: Decision, answer: Answer, occasion: Occasion, duration_us: int) -> PolicyDecided:
    subject = _subject_of(occasion.document)
    return PolicyDecided(
        decision_id=decision.id,
        environment_id=occasion.environment_id,
        call_id=occasion.call_id,
        action=subject["action"],
        phase=subject["phase"],
        tool=subject["tool"],
        effect=decision.effect,
        reasons=[_short(reason) for reason in decision.reasons[:_SHOWN_REASONS]],
        observed=[_short(reason) for reason in decision.observed[:_SHOWN_REASONS]],
        obligations=[str(obligation["type"]) for obligation in decision.obligations],
        revision=decision.revision,
        seq=decision.seq,
        bundle_sha256=decision.bundle_sha256,
        duration_us=duration_us,
        decision_digest=sha256_hex(contract.encode(dataclasses.asdict(answer.verdict))),
        input=Committed(answer.content) if answer.content is not None else None,
    )


def _short(reason: Reason) -> dict[str, str]:
    return {"effect": reason.effect.value, "code": reason.code, "rule": reason.rule}


def _subject_of(document: dict[str, Any]) -> dict[str, str]:
    """What a list of decisions shows; the document may be anything here."""
    resource = document.get("resource")
    resource = resource if isinstance(resource, dict) else {}
    return {
        "action": _text(document.get("action"), 32),
        "phase": _text(document.get("phase"), 8) or Phase.BEFORE.value,
        "tool": _text(resource.get("tool"), 200),
        "workflow": _text(resource.get("workflow"), 200),
    }


def _text(value: object, most: int) -> str:
    return value.replace("\0", "")[:most] if isinstance(value, str) else ""


_NO_ANSWER = "The policy decision point gave no answer that can be trusted."
_WORDS = {
    "bundle_missing": "No policy is published for this environment.",
    "bundle_stale": "The policy bundle has not been confirmed in time.",
    "bundle_invalid": "The policy bundle is not what was signed.",
    "bad_decision": "The policy answered with something outside its contract.",
    "pdp_error": "A policy rule failed.",
    "pdp_timeout": "The policy did not answer in time.",
    "pdp_quarantined": "The policy ended its evaluator several times and is held back.",
    "pdp_unconfined": "The policy evaluator cannot be confined on this machine.",
}
