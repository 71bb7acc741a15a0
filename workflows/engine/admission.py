"""May this run start at all? The policy decides once, before the first step; doubt means no."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any, Protocol
from uuid import UUID

from controlplane.lib import clock, ids
from policies.asking import Occasion
from policies.types import Decision, Effect
from tenants.actors import Actor
from tenants.models import Membership
from workflows import locks
from workflows.engine import ending
from workflows.engine.work import Work
from workflows.types import RunState

MOST_WAIT_S = 300


class Decide(Protocol):
    """`policies.services.decide_many`."""

    def __call__(self, questions: Sequence[Occasion], *, actor: Actor) -> list[Decision]: ...


def admitted(works: Sequence[Work], decide: Decide) -> list[Work]:
    """Those that go on: the others were turned away or have to come again later. A run that has started is not
    asked about anew."""
    new = [work for work in works if work.run.state == RunState.QUEUED and not work.run.stop]
    refused = {id(work) for work, decision in zip(new, asked(new, decide), strict=True) if not _admit(work, decision)}
    return [work for work in works if id(work) not in refused]


def asked(works: Sequence[Work], decide: Decide) -> list[Decision]:
    """What the policy says about starting these runs."""
    roles = cache(_roles)
    questions = [_question(work, roles(work.run.starter_id, work.run.workspace_id)) for work in works]
    return decide(questions, actor=works[0].engine) if works else []


def _question(work: Work, roles: list[str]) -> Occasion:
    run = work.run
    return Occasion(_document(work, roles), run.workspace_id, run.environment_id, run.pk, None)


def _admit(work: Work, decision: Decision) -> bool:
    locks.change(work.run, policy_revision=decision.revision[:80])
    if decision.effect is Effect.ALLOW:
        return True
    _turn_away(work, decision)
    return False


def _turn_away(work: Work, decision: Decision) -> None:
    if decision.effect is Effect.THROTTLE:
        wait = timedelta(seconds=min(max(decision.retry_after_s, 1), MOST_WAIT_S))
        locks.let_go(work.run, wake_at=work.now + wait, crashes=0)
        return
    words = "; ".join(f"{reason.code}: {reason.message}" for reason in decision.reasons)
    ending.close(work, RunState.REJECTED, "policy_denied", detail=words or decision.effect.value)


def _document(work: Work, roles: list[str]) -> dict[str, Any]:
    run, starter = work.run, work.starter
    return {
        "schema": "interlock.input/1",
        "request_id": str(ids.uuid7()),
        "pep": "runtime",
        "tenant": str(run.tenant_id),
        "workspace": str(run.workspace_id),
        "environment": run.environment.slug,
        "action": "workflow.start",
        "subject": {
            "id": str(starter.id),
            "type": starter.kind,
            "roles": roles,
            "on_behalf_of": str(starter.on_behalf_of) if starter.on_behalf_of else None,
        },
        "resource": {
            "type": "workflow",
            "workflow": run.workflow_name,
            "workflow_version": run.workflow_version,
        },
        "context": {
            "now_ns": clock.now_ns(),
            "run_id": str(run.pk),
            "lane": "forward",
            "ticket": run.ticket_number or run.ticket_id or None,
        },
        "approvals": [],
        "action_digest": "",
    }


def _roles(user_id: UUID, workspace_id: UUID) -> list[str]:
    rows = Membership.objects.filter(user_id=user_id, workspace_id=workspace_id)
    return sorted(rows.values_list("role", flat=True))
