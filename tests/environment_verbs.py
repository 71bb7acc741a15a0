"""The verbs on what belongs to an environment: the role that allows each, the ground it needs, and the deed."""

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction

from approvals import services as approvals
from approvals.types import Channel, Verdict
from connectors import claims
from policies import access as policy_access
from policies import drafting, explaining, rolling, serving, trying, voting
from policies import services as deciding
from policies.types import DraftState, PackSource
from tenants import halts
from tenants.actors import Actor
from tenants.halts import Kind, Scope
from tenants.models import Environment, Halt
from tenants.roles import Role
from tests import asking, policy_ground, running
from tests.policy_questions import question
from workflows import letters, operating, services
from workflows.models import DeadLetter, Run


class Verb(NamedTuple):
    """`make` lays the ground in an environment, `act` is the deed; `past` names what stops it after it was let."""

    role: Role
    make: Callable[[Any, Environment], Any]
    act: Callable[[Any, Any], Any]
    past: tuple[str, ...] = ()


def _id(_: Any, place: Environment) -> UUID:
    return place.pk


def _run(g: Any, place: Environment) -> Run:
    return running.stopped_run(g.world, environment=place, workspace=g.a.workspace)


def _open_run(g: Any, place: Environment) -> Run:
    return running.stopped_run(g.world, environment=place, workspace=g.a.workspace, state="RUNNING")


def _letter(g: Any, place: Environment) -> UUID:
    run = _run(g, place)
    with transaction.atomic():
        return DeadLetter.objects.get(run=run).pk


def _task(g: Any, place: Environment) -> UUID:
    return running.doubted(g.world, _run(g, place)).pk


def _request(g: Any, place: Environment) -> Any:
    return asking.ask(g.world, environment_id=place.pk)


def halt(g: Any, place: Environment) -> UUID:
    covered = Scope(Kind.ENVIRONMENT, str(place.pk))
    return halts.engage(scope=covered, mode=Halt.Mode.FREEZE, reason="test", actor=g.alice).pk


def _draft(g: Any, place: Environment) -> UUID:
    texts = {"source": "package interlock.packs.mine\n", "tests": "package x\n", "version": "1.0.0"}
    return drafting.save(environment_id=place.pk, pack="mine", actor=g.alice, **texts).pk


def _proposed(g: Any, place: Environment) -> Any:
    with transaction.atomic():
        draft = policy_ground.approved(place.pk, g.alice)
        draft.state = DraftState.PROPOSED
        draft.save(update_fields=["state"])
        return draft


def _twice(g: Any, place: Environment) -> UUID:
    pack = {"triage": g.pack}
    for _ in range(2):
        policy_ground.activate_packs(environment_id=place.pk, packs=pack, actor=g.alice)
    return place.pk


def _decision(g: Any, place: Environment) -> UUID:
    asked = question(g.a)
    told = deciding.decide(document=asked, workspace_id=g.a.workspace.id, environment_id=place.pk, actor=g.alice)
    return told.id


def vote(request: Any, actor: Actor) -> None:
    ballot = {"verdict": Verdict.APPROVE, "reason": "", "channel": Channel.CONSOLE}
    approvals.cast_vote(request_id=request.pk, actor=actor, seen_digest=request.display_digest, **ballot)


def _engage(place: UUID, actor: Actor) -> None:
    halts.engage(scope=Scope(Kind.ENVIRONMENT, str(place)), mode=Halt.Mode.FREEZE, reason="why", actor=actor)


def _read_input(decision_id: UUID, actor: Actor) -> None:
    with transaction.atomic():
        policy_access.input_of(actor, decision_id)


def _start(place: UUID, actor: Actor) -> None:
    services.start_run(workflow="nothing", environment_id=place, trigger={}, starter=actor, key="k")


def _dry_run(place: UUID, actor: Actor) -> None:
    services.dry_run(workflow="nothing", environment_id=place, trigger={}, actor=actor)


def _check_text(place: UUID, actor: Actor) -> None:
    text = PackSource(source="package interlock.packs.mine\n", tests="package x\n", version="1.0.0")
    trying.check_text(environment_id=place, pack="mine", text=text, actor=actor)


def _serve(place: UUID, actor: Actor) -> None:
    serving.report_status(environment_id=place, document={"labels": {"id": "opa-1"}}, actor=actor)


OPERATOR, AUTHOR, ADMIN = Role.OPERATOR, Role.POLICY_AUTHOR, Role.ADMIN
VERBS: dict[str, Verb] = {
    "start a run": Verb(OPERATOR, _id, _start, ("workflow_unknown",)),
    "start a run as a service": Verb(Role.SERVICE, _id, _start, ("workflow_unknown",)),
    "try a workflow": Verb(OPERATOR, _id, _dry_run, ("workflow_unknown",)),
    "pause a run": Verb(OPERATOR, _open_run, lambda run, who: operating.pause(run_id=run.pk, reason="r", actor=who)),
    "cancel a run": Verb(OPERATOR, _open_run, lambda run, who: services.cancel(run_id=run.pk, reason="r", actor=who)),
    "settle a run": Verb(
        OPERATOR,
        _run,
        lambda run, who: services.settle_by_person(run_id=run.pk, answer="abandoned", reason="r", actor=who),
    ),
    "dismiss a letter": Verb(
        OPERATOR, _letter, lambda pk, who: letters.dismiss(dead_letter_id=pk, reason="r", actor=who)
    ),
    "redrive a letter": Verb(
        OPERATOR, _letter, lambda pk, who: letters.redrive(dead_letter_id=pk, actor=who), ("run_not_waiting",)
    ),
    "claim a task": Verb(OPERATOR, _task, lambda pk, who: claims.claim(task_id=pk, actor=who)),
    "release a task": Verb(OPERATOR, _task, lambda pk, who: claims.release(task_id=pk, actor=who)),
    "withdraw a request": Verb(
        OPERATOR, _request, lambda one, who: approvals.withdraw(request_id=one.pk, actor=who, reason="r")
    ),
    "decide a request": Verb(Role.APPROVER, _request, vote),
    "engage a halt": Verb(OPERATOR, _id, _engage),
    "ask for the release of a halt": Verb(
        OPERATOR, halt, lambda pk, who: halts.request_release(halt_id=pk, reason="r", actor=who)
    ),
    "read what a policy was asked": Verb(OPERATOR, _decision, _read_input),
    "trace a decision": Verb(
        OPERATOR,
        _decision,
        lambda pk, who: explaining.trace(decision_id=pk, actor=who),
        ("nothing_to_trace",),
    ),
    "check a text of policy": Verb(AUTHOR, _id, _check_text),
    "withdraw a draft": Verb(
        AUTHOR, _draft, lambda pk, who: drafting.withdraw(draft_id=pk, actor=who), ("draft_closed",)
    ),
    "vote on a draft": Verb(
        Role.APPROVER,
        _proposed,
        lambda draft, who: voting.vote(draft_id=draft.pk, digest=draft.digest, approve=True, actor=who),
    ),
    "vote on a draft as who activates": Verb(
        ADMIN,
        _proposed,
        lambda draft, who: voting.vote(draft_id=draft.pk, digest=draft.digest, approve=True, actor=who),
    ),
    "go back to an earlier policy": Verb(
        OPERATOR, _twice, lambda pk, who: rolling.roll_back(environment_id=pk, reason="r", actor=who)
    ),
    "fetch policy": Verb(Role.POLICY_SERVER, _id, _serve),
}
