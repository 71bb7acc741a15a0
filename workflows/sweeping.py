"""What time alone makes necessary. Every round is safe to repeat and to run in several processes at once.

The queue may lose everything: a run whose time has come is found by its row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from approvals import services as approvals
from connectors import enforcement
from connectors import tasks as connectors
from controlplane.lib import clock
from controlplane.lib.errors import DomainError
from controlplane.lib.logs import get_logger
from evidence import keeping, pruning
from evidence import tasks as evidence_tasks
from policies import services as policies
from policies import tasks as policy_tasks
from tenants import halts, keys, payloads, rekeying, scope, triggers
from tenants.actors import Actor
from tenants.rounds import in_every_tenant, in_tenants
from workflows import claiming, halting, redriving, retention, wakeups
from workflows.engine import sub_runs

log = get_logger(__name__)

BATCH = 500


@dataclass(frozen=True, slots=True)
class Chore:
    """A piece of work and how often it is due, in seconds."""

    name: str
    every_s: float
    work: Callable[[], object]


def wake_overdue() -> int:
    """Queue every run whose time has come, of all tenants, and ring for whatever waits; returns how many."""
    made = claiming.make_due(clock.now(), BATCH)
    if made or claiming.any_ready():
        wakeups.ring()
    return made


def settle_halts() -> None:
    """Stop what halts tell to stop, confirm halts, write what could not be written when they were engaged."""
    in_tenants(_under_halt(), _settle_halts)


def _settle_halts() -> None:
    halting.stop_covered_runs()
    _confirm(Actor.system(scope.current(), "sweeper"))


def _under_halt() -> list[UUID]:
    with transaction.atomic():
        return halts.tenants_concerned()


def _confirm(actor: Actor) -> None:
    """Halts of the whole deployment are confirmed by the tenant in whose record they stand."""
    with transaction.atomic():
        waiting = [h.pk for h in halts.every_active() if h.confirmed_at is None and h.told_in == actor.tenant_id]
    for halt_id in waiting:
        halts.confirm(halt_id=halt_id, actor=actor)
    halts.make_good(actor=actor)


def forget_content() -> None:
    """Erase payloads and opted-in content that are past their time, webhook bodies among them, but nothing that an open
    run needs."""
    in_every_tenant(_forget_content)


@transaction.atomic
def _forget_content() -> None:
    retention.prolong()
    payloads.forget_expired()
    keeping.forget_expired()


def prune_record() -> None:
    """Remove events that are older than their tenant keeps the record."""
    in_every_tenant(lambda: pruning.prune_all(scope.current()))


def end_former_keys() -> None:
    """Carry on with a turn of the key epoch that was begun."""
    if keys.turning():
        rekeying.carry_on()


CHORES = (
    Chore("overdue runs", 0.5, wake_overdue),
    Chore("halts", 1.0, settle_halts),
    Chore("runs between runs", 10.0, sub_runs.catch_up),
    Chore("halt triggers", 5.0, triggers.check_all),
    Chore("redrives", 1.0, redriving.work_off),
    Chore("approval expiry", 2.0, approvals.expire_due),
    Chore("policy freshness", 5.0, policies.refresh_due),
    Chore("canary of enforcement", 5.0, enforcement.try_due),
    Chore("simulations", 30.0, policy_tasks.catch_up_simulations),
    Chore("exports", 30.0, evidence_tasks.catch_up_exports),
    Chore("approval cards", 5.0, connectors.catch_up_cards),
    Chore("policy notices", 5.0, connectors.catch_up_notices),
    Chore("digests", 60.0, connectors.send_digests),
    Chore("replay guards", 300.0, connectors.forget_slack_deliveries),
    Chore("content retention", 600.0, forget_content),
    Chore("record retention", 86400.0, prune_record),
    Chore("former keys", 60.0, end_former_keys),
    Chore("old histories", 3600.0, connectors.forget_histories),
)


def attempt(chore: Chore) -> None:
    """Do a chore. Whatever goes wrong ends this round of it only: timers and halts of all tenants hang on others."""
    try:
        chore.work()
    except DomainError as refusal:
        log.warning("%s: %s", chore.name, refusal.detail)
    except Exception:
        log.exception("%s failed", chore.name)
        connection.close()
