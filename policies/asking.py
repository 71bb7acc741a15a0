"""Questions to the decision point, and their record."""

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


@dataclass(frozen=True, slots=True)
class _Open:
    """A sound question and the policy that is to answer it."""

    document: dict[str, Any]
    content: bytes
    found: active.Active


def ask_many(occasions: Sequence[Occasion], *, rules: Callable[[UUID], active.Active]) -> list[Answer]:
    """Never raises for doubt: every cause of it is a DENY with its code. Questions to one policy are asked together."""
    posed = [_posed(occasion, rules) for occasion in occasions]
    programs: dict[str, list[_Open]] = {}
    for question in posed:
        if isinstance(question, _Open):
            programs.setdefault(question.found.program.key, []).append(question)
    answers = {id(q): a for asked in programs.values() for q, a in zip(asked, _evaluated(asked), strict=True)}
    return [_answered(q, answers[id(q)]) if isinstance(q, _Open) else q for q in posed]


def _posed(occasion: Occasion, rules: Callable[[UUID], active.Active]) -> _Open | Answer:
    content = None
    try:
        content = contract.encode(occasion.document)
        _require_sound(occasion.document, occasion.workspace_id)
        return _Open(occasion.document, content, rules(occasion.environment_id))
    except BadInput as error:
        return Answer(Verdict.denied("bad_input", f"The question is malformed: {error}"), content, None)
    except PointFailure as failure:
        return Answer(_doubted(failure), content, None)


def _answered(question: _Open, answer: dict[str, Any] | PointFailure) -> Answer:
    """Checked against the contract, and that it is about this question."""
    found = question.found
    try:
        if isinstance(answer, PointFailure):
            raise answer
        verdict = contract.read_decision(
            answer,
            request_id=question.document["request_id"],
            revision=found.statement.revision,
            seq=found.statement.seq,
            phase=contract.phase_of(question.document),
        )
    except PointFailure as failure:
        verdict = _doubted(failure)
    return Answer(verdict, question.content, found.statement, found.asked)


def _doubted(failure: PointFailure) -> Verdict:
    log.warning("policy decision failed closed", extra={"code": failure.code, "reason": failure.detail})
    return Verdict.denied(failure.code, _WORDS.get(failure.code, _NO_ANSWER))


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


def _evaluated(asked: Sequence[_Open]) -> list[dict[str, Any] | PointFailure]:
    """The raw answers of one policy."""
    program, statement = asked[0].found.program, asked[0].found.statement
    documents = [question.document for question in asked]
    with telemetry.span("policy.decide", action=documents[0]["action"], seq=statement.seq, count=len(asked)):
        try:
            if len(asked) == 1:
                return [point.current().evaluate(program, documents[0])]
            return point.current().evaluate_many(program, documents)
        except PointFailure as failure:
            return [failure] * len(asked)
        except Exception as error:
            log.exception("the decision point raised what it does not declare")
            return [PointFailure("pdp_error", type(error).__name__)] * len(asked)


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
