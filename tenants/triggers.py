"""Rules by which the kill switch engages itself, with the measured reason, as the system.

A rule that has engaged is quiet while its halt holds and for one window after its release: two people said go on.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction

from controlplane.lib import clock
from controlplane.lib.errors import DomainError, Invalid, NotFound
from controlplane.lib.logs import bind, get_logger
from tenants import halts, ports, scope
from tenants.actors import Actor
from tenants.events import HaltTriggerSet
from tenants.halt_scopes import Kind, Scope
from tenants.models import Halt, HaltTrigger
from tenants.permissions import Perm, require
from tenants.readings import Reading, Watch

log = get_logger(__name__)

WATCHES = {
    HaltTrigger.Kind.BUDGET_BREACH: {"", "tenant", "workflow", "model"},
    HaltTrigger.Kind.ERROR_RATE: {"connector", "workflow"},
    HaltTrigger.Kind.CANARY: {"", "environment"},
    HaltTrigger.Kind.EVIDENCE_BACKPRESSURE: {""},
}
"""What each kind may be narrowed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`threshold`: percent for budgets and errors, a count otherwise. `window_s`: errors of that time are counted,
    and how long the rule is quiet after a release."""

    kind: str
    threshold: int = 1
    window_s: int = 300
    watch_kind: str = ""
    watch_value: str = ""
    minimum: int = 1
    reach: str = HaltTrigger.Reach.MEASURED
    mode: str = Halt.Mode.FREEZE
    enabled: bool = True


def every() -> list[HaltTrigger]:
    return list(HaltTrigger.objects.order_by("name"))


def one(trigger_id: UUID) -> HaltTrigger:
    row = HaltTrigger.objects.filter(pk=trigger_id).first()
    if row is None:
        raise NotFound
    return row


@transaction.atomic(durable=True)
def set_trigger(*, name: str, rule: Rule, actor: Actor) -> HaltTrigger:
    """Make or change the rule of this name. Needs ADMIN."""
    require(actor, Perm.ADMIN)
    _check(name, rule)
    by = {"set_by": actor.id, "set_by_label": actor.label, "set_at": clock.now()}
    trigger, _ = HaltTrigger.objects.update_or_create(name=name, defaults={**asdict(rule), **by})
    _record(trigger, actor)
    return trigger


@transaction.atomic(durable=True)
def switch(*, trigger_id: UUID, enabled: bool, actor: Actor) -> HaltTrigger:
    """Switch a rule on or off. Needs ADMIN."""
    require(actor, Perm.ADMIN)
    trigger = HaltTrigger.objects.select_for_update().filter(pk=trigger_id).first()
    if trigger is None:
        raise NotFound
    trigger.enabled, trigger.set_by, trigger.set_by_label, trigger.set_at = enabled, actor.id, actor.label, clock.now()
    trigger.save()
    _record(trigger, actor)
    return trigger


def check_all() -> int:
    """One round over the rules of all tenants; returns how many halts were engaged."""
    return sum(_check_tenant(tenant_id) for tenant_id in _tenants())


def check_trigger(trigger: HaltTrigger) -> list[Halt]:
    """Measure, and engage what is too much. In the tenant's scope, outside transactions."""
    now = clock.now()
    since = now - timedelta(seconds=trigger.window_s)
    watch = Watch(trigger.watch_kind, trigger.watch_value, trigger.minimum)
    readings = ports.measures[trigger.kind].get()(watch, since=since)
    too_much = [reading for reading in readings if reading.level >= trigger.threshold]
    return [halt for reading in too_much if (halt := _engage(trigger, reading)) is not None]


def _check_tenant(tenant_id: UUID) -> int:
    engaged = 0
    with scope.enter(tenant_id), bind(tenant_id=tenant_id):
        with transaction.atomic():
            rules = [rule for rule in every() if rule.enabled]
        for rule in rules:
            try:
                engaged += len(check_trigger(rule))
            except DomainError:
                log.exception("the halt trigger %s cannot be measured", rule.name)
    return engaged


def _tenants() -> list[UUID]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM routing.tenants_with_halt_triggers()")
        return [row[0] for row in cursor.fetchall()]


@transaction.atomic(durable=True)
def _engage(trigger: HaltTrigger, reading: Reading) -> Halt | None:
    """The rule is locked, so that two sweepers engage once."""
    HaltTrigger.objects.select_for_update().get(pk=trigger.pk)
    covered = _covered(trigger, reading)
    if _quiet(trigger, covered):
        return None
    actor = Actor.system(scope.current(), f"trigger {trigger.name}")
    reason = f"{trigger.get_kind_display()}: {reading.words}"
    return halts.put_in_force(scope=covered, mode=trigger.mode, reason=reason, actor=actor, trigger_id=trigger.pk)


def _covered(trigger: HaltTrigger, reading: Reading) -> Scope:
    if trigger.reach == HaltTrigger.Reach.TENANT:
        return Scope(Kind.TENANT)
    return Scope(Kind(reading.scope_kind), reading.scope_value)


def _quiet(trigger: HaltTrigger, covered: Scope) -> bool:
    mine = Halt.objects.filter(trigger_id=trigger.pk, kind=covered.kind, value=covered.value)
    recent = clock.now() - timedelta(seconds=trigger.window_s)
    return mine.filter(released_at=None).exists() or mine.filter(released_at__gt=recent).exists()


def _check(name: str, rule: Rule) -> None:
    if not name.strip():
        raise Invalid("a rule has a name", field="name")
    if rule.kind not in HaltTrigger.Kind.values:
        raise Invalid(f"kind is one of {', '.join(HaltTrigger.Kind.values)}", field="kind")
    if rule.watch_kind not in WATCHES[HaltTrigger.Kind(rule.kind)] or (rule.watch_value and not rule.watch_kind):
        wanted = ", ".join(sorted(WATCHES[HaltTrigger.Kind(rule.kind)])) or "nothing"
        raise Invalid(f"a rule of this kind watches {wanted}", field="watch_kind")
    if rule.mode not in Halt.Mode.values or rule.reach not in HaltTrigger.Reach.values:
        raise Invalid("mode or reach is unknown", field="mode")
    if not (1 <= rule.threshold <= 10_000 and 10 <= rule.window_s <= 86_400 and 1 <= rule.minimum <= 1_000_000):
        raise Invalid("threshold is at least 1, window_s 10 to 86400, minimum at least 1", field="threshold")


def _record(trigger: HaltTrigger, actor: Actor) -> None:
    watch = ":".join(part for part in (trigger.watch_kind, trigger.watch_value) if part)
    event = HaltTriggerSet(
        trigger_id=trigger.pk,
        name=trigger.name,
        kind=trigger.kind,
        watch=watch,
        threshold=trigger.threshold,
        window_s=trigger.window_s,
        minimum=trigger.minimum,
        reach=trigger.reach,
        mode=trigger.mode,
        enabled=trigger.enabled,
    )
    ports.record.get()(event, actor=actor)
