"""May this run start at all? The policy decides once, before the first step; doubt means no."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from controlplane.lib import clock, ids
from policies.asking import Occasion
from policies.types import Asked, Decision, Effect
from tenants.access import roles_in
from workflows import locks
from workflows.engine import ending
from workflows.engine.answers import decision_document
from workflows.engine.door import Decide
from workflows.engine.work import Work
from workflows.types import RunState

MOST_WAIT_S = 300


def admitted(works: Sequence[Work], decide: Decide) -> list[Work]:
    """Those that go on: the others were turned away or have to come again later. A run that has started is not
    asked about anew."""
    new = [work for work in works if work.run.state == RunState.QUEUED and not work.run.stop]
    decisions = asked(new, decide)
    for work, decision in zip(new, decisions, strict=True):
        work.tape.note("decision", decision_document(decision))
    refused = {id(work) for work, decision in zip(new, decisions, strict=True) if not _admit(work, decision)}
    return [work for work in works if id(work) not in refused]


def asked(works: Sequence[Work], decide: Decide) -> list[Decision]:
    """What the policy says about starting these runs."""
    roles = cache(roles_in)
    questions = [_question(work, starters_roles(work, roles)) for work in works]
    return decide(questions, actor=works[0].engine) if works else []


def _question(work: Work, roles: list[str]) -> Occasion:
    run = work.run
    workflow = {"type": "workflow", "workflow": run.workflow_name, "workflow_version": run.workflow_version}
    return occasion(work, roles, action="workflow.start", resource=workflow)


def occasion(work: Work, roles: list[str], *, action: str, resource: dict[str, Any]) -> Occasion:
    """A question of the runtime about a run; `roles` are its starter's."""
    run = work.run
    document = _document(work, roles, action, resource)
    return Occasion(document, run.workspace_id, run.environment_id, run.pk, None)


def _admit(work: Work, decision: Decision) -> bool:
    locks.change(work.run, policy_revision=decision.revision[:80], step_rules=Asked.STEPS in decision.asked)
    if decision.effect is Effect.ALLOW:
        return True
    _turn_away(work, decision)
    return False


def _turn_away(work: Work, decision: Decision) -> None:
    if decision.effect is Effect.THROTTLE:
        locks.let_go(work.run, wake_at=work.now + timedelta(seconds=wait_s(decision)), crashes=0)
        return
    words = "; ".join(f"{reason.code}: {reason.message}" for reason in decision.reasons)
    ending.close(work, RunState.REJECTED, "policy_denied", detail=words or decision.effect.value)


def wait_s(decision: Decision) -> int:
    """How long a throttled run waits."""
    return min(max(decision.retry_after_s, 1), MOST_WAIT_S)


def _document(work: Work, roles: list[str], action: str, resource: dict[str, Any]) -> dict[str, Any]:
    run, starter = work.run, work.starter
    return {
        "schema": "interlock.input/1",
        "request_id": str(ids.uuid7()),
        "pep": "runtime",
        "tenant": str(run.tenant_id),
        "workspace": str(run.workspace_id),
        "environment": run.environment.slug,
        "action": action,
        "subject": {
            "id": str(starter.id),
            "type": starter.kind,
            "roles": roles,
            "on_behalf_of": str(starter.on_behalf_of) if starter.on_behalf_of else None,
        },
        "resource": resource,
        "context": {
            "now_ns": clock.now_ns(),
            "run_id": str(run.pk),
            "lane": "forward",
            "ticket": run.ticket_number or run.ticket_id or None,
        },
        "approvals": [],
        "action_digest": "",
    }


def starters_roles(work: Work, roles: Callable[[UUID, UUID, UUID], list[str]]) -> list[str]:
    """Those of who started the run, where it runs, read by `roles`."""
    run = work.run
    where = run.starter_id, run.workspace_id, run.environment_id
    found: list[str] = work.tape.learn("roles", lambda: roles(*where))
    return found
