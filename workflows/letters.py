"""Verbs on dead letters: redrive one, dismiss, reopen. Nothing is deleted."""

from uuid import UUID

from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.errors import Invalid
from evidence.services import record
from tenants import payloads
from tenants.actors import Actor
from tenants.permissions import Perm, holds, require
from workflows.errors import DeadLetterClosed, RunNotFound, RunNotWaiting
from workflows.events import DeadLetterDismissed, DeadLetterReopened, Redriven
from workflows.models import DeadLetter, Run
from workflows.starting import Order, begin
from workflows.types import OPEN_RUN_STATES, DeadLetterState

CLOSED_AS = {
    DeadLetterState.REDRIVEN: "it was redriven as a new run",
    DeadLetterState.DISMISSED: "it was dismissed: open it again first",
    DeadLetterState.OPEN: "it is open",
}


@transaction.atomic(durable=True)
def redrive(*, dead_letter_id: UUID, actor: Actor) -> Run:
    """Start a new run with the trigger of one that was given up, on the newest version. Needs OPERATE.

    Raises RunNotWaiting while the old run is open, DeadLetterClosed when it has been redriven or dismissed,
    PayloadExpired.
    """
    return redrive_letter(_locked(dead_letter_id, actor), actor=actor)


def redrive_letter(letter: DeadLetter, *, actor: Actor) -> Run:
    """The same for a letter that the caller has locked, in an open transaction: one new run per letter."""
    require(actor, Perm.OPERATE, letter.run.workspace_id, letter.run.environment_id)
    _require_state(letter, DeadLetterState.OPEN)
    if letter.run.state in OPEN_RUN_STATES:
        raise RunNotWaiting("the run is not over yet: cancel or retry it instead")
    run = begin(_order(letter, actor))
    DeadLetter.objects.filter(pk=letter.pk).update(
        state=DeadLetterState.REDRIVEN, redriven_run_id=run.pk, redriven_by=actor.label
    )
    record(Redriven(letter.pk, run.pk), actor=actor, workspace_id=run.workspace_id, run_id=run.pk)
    return run


@transaction.atomic(durable=True)
def dismiss(*, dead_letter_id: UUID, reason: str, actor: Actor) -> DeadLetter:
    """Nobody needs this done any more. Needs OPERATE and a reason; raises DeadLetterClosed."""
    letter = _locked(dead_letter_id, actor)
    _require_state(letter, DeadLetterState.OPEN)
    letter.state, letter.dismissed_by, letter.dismissed_at = DeadLetterState.DISMISSED, actor.label, clock.now()
    letter.dismiss_reason = _reason(reason)
    letter.save(update_fields=["state", "dismissed_by", "dismissed_at", "dismiss_reason"])
    _record(DeadLetterDismissed(letter.pk, letter.dismiss_reason), letter, actor)
    return letter


@transaction.atomic(durable=True)
def reopen(*, dead_letter_id: UUID, reason: str, actor: Actor) -> DeadLetter:
    """It is needed after all. Needs OPERATE and a reason; raises DeadLetterClosed unless it was dismissed."""
    letter = _locked(dead_letter_id, actor)
    _require_state(letter, DeadLetterState.DISMISSED)
    letter.state = DeadLetterState.OPEN
    letter.save(update_fields=["state"])
    _record(DeadLetterReopened(letter.pk, _reason(reason)), letter, actor)
    return letter


def lock(dead_letter_id: UUID) -> DeadLetter | None:
    """The letter with its run, locked: whoever comes second sees what the first one made of it."""
    rows = DeadLetter.objects.select_for_update(of=("self",)).select_related("run")
    return rows.filter(pk=dead_letter_id).first()


def _locked(dead_letter_id: UUID, actor: Actor) -> DeadLetter:
    letter = lock(dead_letter_id)
    if letter is None or not holds(actor, Perm.VIEW, letter.run.workspace_id):
        raise RunNotFound("there is no such dead letter")
    require(actor, Perm.OPERATE, letter.run.workspace_id, letter.run.environment_id)
    return letter


def _require_state(letter: DeadLetter, state: DeadLetterState) -> None:
    if letter.state != state:
        raise DeadLetterClosed(CLOSED_AS[DeadLetterState(letter.state)])


def _reason(text: str) -> str:
    if not text.strip():
        raise Invalid("say why", field="reason")
    return text.strip()[:500]


def _order(letter: DeadLetter, actor: Actor) -> Order:
    old = letter.run
    return Order(
        workflow=old.workflow_name,
        environment_id=old.environment_id,
        trigger=payloads.get_json(old.trigger_digest),
        starter=actor,
        key=f"redrive:{letter.pk}",
        received_at=clock.now(),
        redrive_of=old.pk,
    )


def _record(event: object, letter: DeadLetter, actor: Actor) -> None:
    record(event, actor=actor, workspace_id=letter.run.workspace_id)
