"""Verbs of policy: publish, roll back, keep fresh, decide, and say at dispatch whether a decision still holds."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.db import transaction

from controlplane.lib import clock, ids
from controlplane.lib.errors import NotFound
from policies import active, asking, locks, publishing, rolling
from policies.asking import Answer, Kept, Occasion
from policies.engine.protocol import PointFailure
from policies.errors import DecisionStale
from policies.models import Activation, DecisionRecord
from policies.types import Asked, Decision, Effect, PackSource, Phase
from tenants import quick
from tenants.actors import Actor
from tenants.models import Environment
from tenants.permissions import Perm, require

_SKEW = timedelta(seconds=2)


def publish(
    *,
    environment_id: UUID,
    packs: Mapping[str, PackSource],
    actor: Actor,
    reason: str = "",
    ttl_s: int | None = None,
) -> Activation:
    """Check, build, sign and activate packs as the first policy of an environment (besides what is always in it).

    Where a policy stands it is changed by a draft that a second person approves: SecondPersonNeeded. `ttl_s`: 300 to
    900 seconds that a freshness statement lives. Raises PolicyRefused with `findings`, or EvaluatorUnavailable.
    Checking happens outside the transaction, in an evaluator of its own.
    """
    publishing.require_ttl(ttl_s)
    with transaction.atomic():
        _require_policy_right(environment_id, actor, Perm.AUTHOR_POLICY, Perm.ACTIVATE_POLICY)
        publishing.require_none(environment_id)
    publishing.check(packs)
    return publishing.activate_first(
        environment_id=environment_id, packs=packs, actor=actor, reason=reason, ttl_s=ttl_s
    )


def rollback(*, environment_id: UUID, activation_id: UUID | None = None, reason: str, actor: Actor) -> Activation:
    """Make the content of an earlier activation the policy again, under a new sequence number: see `rolling`."""
    return rolling.roll_back(environment_id=environment_id, activation_id=activation_id, reason=reason, actor=actor)


def refresh_due(limit: int = 200) -> int:
    """Re-issue every freshness statement that is past a third of its life, in all tenants; returns how many.

    For the sweeper. A statement that is not renewed runs out by itself, and then everything is denied.
    """
    return sum(publishing.refresh(tenant_id, environment_id) for tenant_id, environment_id in publishing.due(limit))


def decide(
    *,
    document: dict[str, Any],
    workspace_id: UUID,
    environment_id: UUID,
    run_id: UUID | None = None,
    call_id: UUID | None = None,
    actor: Actor,
) -> Decision:
    """Ask the policy of the environment. Whatever is doubtful is DENY with a code; what was asked is recorded.

    `document` is an `interlock.input/1`. Joins an open transaction; its failures (database, evidence) do raise,
    because an unrecorded decision is none.
    """
    question = Occasion(document, workspace_id, environment_id, run_id, call_id)
    return decide_many([question], actor=actor)[0]


def decide_after(
    *,
    document: dict[str, Any],
    workspace_id: UUID,
    environment_id: UUID,
    run_id: UUID | None,
    call_id: UUID | None,
    actor: Actor,
) -> Decision | None:
    """What the policy says of something that has happened (phase `after`), as `decide` does; None when the bundle in
    force has no post rules."""
    kept = _asked([Occasion(document, workspace_id, environment_id, run_id, call_id)])[0]
    if kept.answer.statement is not None and Asked.AFTER not in kept.decision.asked:
        return None
    asking.keep([kept], actor=actor)
    return kept.decision


def decide_many(questions: Sequence[Occasion], *, actor: Actor) -> list[Decision]:
    """Ask about several things at one moment, each as `decide` does, and record the answers together."""
    kept = _asked(questions)
    asking.keep(kept, actor=actor)
    return [each.decision for each in kept]


def _asked(questions: Sequence[Occasion]) -> list[Kept]:
    started = clock.monotonic()
    answers = asking.ask_many(questions, rules=cache(active.of))
    took = int((clock.monotonic() - started) * 1_000_000 / max(len(questions), 1))
    return [Kept(_decision(answer), answer, asked, took) for asked, answer in zip(questions, answers, strict=True)]


def still_good(decision_id: UUID, *, max_age_s: float) -> None:
    """For the dispatch transaction: the decision allowed, is young, and its bundle is still the fresh, active one.

    Share-locks the standing row until that transaction ends. Raises DecisionStale.
    """
    record = quick.first(DecisionRecord, id=decision_id, effect=Effect.ALLOW.value, phase=Phase.BEFORE.value)
    if record is None:
        raise DecisionStale("there is no such decision that allows")
    standing = locks.standing_for_dispatch(record.environment_id)
    if standing is None:
        raise DecisionStale("no policy is published for this environment")
    try:
        statement = active.believed(standing)
    except PointFailure as failure:
        raise DecisionStale(failure.code) from failure
    if (statement.sha256, statement.seq) != (record.bundle_sha256, record.seq):
        raise DecisionStale("another policy is active than the one that decided")
    age = clock.now() - record.decided_at
    if not -_SKEW <= age <= timedelta(seconds=max_age_s):
        raise DecisionStale("the decision is too old")


def _decision(answer: Answer) -> Decision:
    verdict, statement = answer.verdict, answer.statement
    return Decision(
        id=ids.uuid7(),
        effect=verdict.effect,
        reasons=list(verdict.reasons),
        obligations=list(verdict.obligations),
        route=list(verdict.route),
        retry_after_s=verdict.retry_after_s,
        revision=statement.revision if statement else "",
        seq=statement.seq if statement else 0,
        bundle_sha256=statement.sha256 if statement else "",
        decided_at=clock.now(),
        observed=list(verdict.observed),
        asked=answer.asked,
    )


def _require_policy_right(environment_id: UUID, actor: Actor, *perms: Perm) -> None:
    environment = Environment.objects.filter(pk=environment_id).first()
    if environment is None:
        raise NotFound
    for perm in perms:
        require(actor, perm, environment.workspace_id, environment.pk)
