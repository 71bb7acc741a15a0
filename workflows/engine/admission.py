"""May this run start at all? The policy decides once, before the first step; doubt means no."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from controlplane.lib import clock, ids
from policies.types import Decision, Effect
from tenants.actors import Actor
from tenants.models import Membership
from workflows import locks
from workflows.engine import ending
from workflows.engine.work import Work
from workflows.types import RunState

MOST_WAIT_S = 300


class Decide(Protocol):
    """`policies.services.decide`."""

    def __call__(
        self,
        *,
        document: dict[str, Any],
        workspace_id: UUID,
        environment_id: UUID,
        run_id: UUID | None = None,
        call_id: UUID | None = None,
        actor: Actor,
    ) -> Decision: ...


def admitted(works: Sequence[Work], decide: Decide) -> list[Work]:
    """Those that go on: the others were turned away or have to come again later. A run that has started is not
    asked about anew."""
    return [work for work in works if _asked_before(work) or _admitted(work, decide)]


def _asked_before(work: Work) -> bool:
    return work.run.state != RunState.QUEUED or bool(work.run.stop)


def _admitted(work: Work, decide: Decide) -> bool:
    run = work.run
    decision = asked(work, decide)
    locks.change(run, policy_revision=decision.revision[:80])
    if decision.effect is Effect.ALLOW:
        return True
    _turn_away(work, decision)
    return False


def asked(work: Work, decide: Decide) -> Decision:
    """What the policy says about starting this run."""
    return decide(
        document=_document(work),
        workspace_id=work.run.workspace_id,
        environment_id=work.run.environment_id,
        run_id=work.run.pk,
        actor=work.engine,
    )


def _turn_away(work: Work, decision: Decision) -> None:
    if decision.effect is Effect.THROTTLE:
        wait = timedelta(seconds=min(max(decision.retry_after_s, 1), MOST_WAIT_S))
        locks.let_go(work.run, wake_at=work.now + wait, crashes=0)
        return
    words = "; ".join(f"{reason.code}: {reason.message}" for reason in decision.reasons)
    ending.close(work, RunState.REJECTED, "policy_denied", detail=words or decision.effect.value)


def _document(work: Work) -> dict[str, Any]:
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
            "roles": sorted(_roles(starter, run.workspace_id)),
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


def _roles(starter: Actor, workspace_id: UUID) -> list[str]:
    rows = Membership.objects.filter(user_id=starter.id, workspace_id=workspace_id)
    return list(rows.values_list("role", flat=True))
