"""What others may do to the books. Money is integer micro-USD throughout.

`reserve`, `settle_usage`, `release`, `record_human` and `take_slot` are parts of somebody's transaction;
`set_budget` and `set_price` are transactions of their own.
"""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from controlplane.lib import clock
from controlplane.lib.errors import Invalid, LostRace
from evidence.services import record
from metering import budgets, prices, rates, rollups
from metering.errors import PriceUnknown
from metering.events import BudgetSet, HumanTimeRecorded, PriceSet, Reserved, UsageSettled
from metering.models import Budget, HumanTime, Reservation, TenantPrice, UsageRow
from metering.pricing import cost_of, human_cost, window_start
from metering.types import HUMAN, UNKNOWN_COST, BudgetKind, Cost, CostOfRun, Lane, Period, Place, Rate, Usage
from tenants import quick, scope
from tenants.actors import Actor
from tenants.permissions import Perm, require


def estimate(*, provider: str, model: str, tokens_in: int, tokens_out: int, tool_calls: int = 0) -> Cost:
    """What a call would cost today; `known` False when it has no price. Needs an open transaction."""
    usage = Usage(provider, model, tokens_in=tokens_in, tokens_out=tokens_out, tool_calls=tool_calls)
    return cost_of(usage, prices.rates_for(provider, model, clock.now()))


@transaction.atomic
def reserve(
    *,
    call_id: UUID,
    workspace_id: UUID,
    workflow: str,
    model: str | None,
    estimate_micros: int | None,
    actor: Actor,
    lane: str = Lane.FORWARD,
    run_id: UUID | None = None,
) -> None:
    """Hold the estimate against every budget that covers the call; all of them or none (a savepoint).

    `estimate_micros` None says that the price is unknown. Raises PriceUnknown, BudgetMissing or
    BudgetExceeded. A compensation holds too but is never refused. A call that holds already is left as it is.
    """
    if quick.find(Reservation, call_id=call_id):
        return
    enforce = Lane(lane) is not Lane.COMPENSATION
    covering = budgets.covering(workflow=workflow, model=model)
    if enforce:
        budgets.require_tenant_budget(covering)
        if estimate_micros is None:
            raise PriceUnknown(f"set a price for {model or 'this tool'} first", model=model)
    for budget in covering:
        budgets.hold(budget, call_id=call_id, micros=estimate_micros or 0, at=clock.now(), enforce=enforce)
    if estimate_micros:
        event = Reserved(call_id, estimate_micros, [budget.pk for budget in covering])
        record(event, actor=actor, workspace_id=workspace_id, run_id=run_id)


def release(*, call_id: UUID) -> None:
    """Give back what a call holds: nothing was sent, or it cost nothing."""
    now = clock.now()
    held = _held(call_id)
    for hold in held:
        budgets.charge(hold.budget, micros=0, held=hold.micros, at=now)
    if held:
        Reservation.objects.filter(call_id=call_id).delete()


def settle_usage(
    *,
    call_id: UUID,
    usage: Usage,
    run_id: UUID | None,
    ticket: str | None,
    workspace_id: UUID,
    workflow: str,
    actor: Actor,
    attempt: int = 1,
) -> Cost:
    """Book what one attempt used: price it, charge the budgets, give back the hold, add to the sums.

    Without a price the budgets are charged what was held, because unknown is not free; the returned cost and
    the row say unknown. Settling the same attempt again changes nothing and returns the booked cost.
    """
    booked = quick.first(UsageRow, call_id=call_id, attempt=attempt)
    if booked is not None:
        return _cost(booked.cost_micros)
    now = clock.now()
    cost = cost_of(usage, prices.rates_for(usage.provider, usage.model, now))
    _charge(call_id, cost, workflow=workflow, model=usage.model or None, at=now)
    place = Place(workspace_id, workflow, ticket or "")
    _book(usage, cost, place, call_id=call_id, attempt=attempt, run_id=run_id, at=now)
    rollups.add(rollups.of_usage(usage, cost), place, at=now, provider=usage.provider, model=usage.model)
    record(_settled(call_id, attempt, usage, cost), actor=actor, workspace_id=workspace_id, run_id=run_id)
    return cost


def record_human(
    *,
    run_id: UUID | None,
    request_id: UUID,
    seconds: int,
    actor: Actor,
    workspace_id: UUID,
    ticket: str | None = None,
    measured: bool = True,
) -> Cost:
    """Book the time that a person spent on one approval, once per person and request.

    `measured` False: the seconds are the most it can have been. Coverage asks whether more may be due, so an
    upper bound does not lower it; a missing rate does.
    """
    now = clock.now()
    cost = human_cost(seconds, prices.minute_rate(now))
    place = Place(workspace_id, _workflow_of(run_id), ticket or "")
    booked = {"run_id": run_id, "seconds": seconds, "measured": measured, "cost_micros": _known(cost), "at": now}
    row = HumanTime(request_id=request_id, person_id=actor.id, **asdict(place), **booked)
    if quick.insert([row], on_conflict=_BOOKED_ONCE):
        rollups.add(rollups.of_person(seconds, cost), place, at=now, provider=HUMAN)
        event = HumanTimeRecorded(request_id, actor.id, seconds, measured, cost.micros, cost.known)
        record(event, actor=actor, workspace_id=workspace_id, run_id=run_id)
    return cost


def take_slot(*, instance_id: UUID, per_minute: int) -> float | None:
    """Take one call from a connector instance's rate limit: None when granted, else seconds to wait."""
    return rates.take(instance_id, per_minute)


def run_cost(run_id: UUID) -> CostOfRun:
    """What a run has cost so far, from its usage rows. Needs an open transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_COST_OF_RUN, {"tenant": scope.current(), "run": run_id})
        of_models, of_tools, of_people, doubtful = map(int, cursor.fetchone())
    return CostOfRun(of_models + of_tools + of_people, of_models, of_tools, of_people, complete=not doubtful)


_COST_OF_RUN = """
SELECT coalesce(sum(cost) FILTER (WHERE part = 'model'), 0), coalesce(sum(cost) FILTER (WHERE part = 'tool'), 0),
       coalesce(sum(cost) FILTER (WHERE part = 'human'), 0), count(*) FILTER (WHERE doubtful)
  FROM (SELECT CASE WHEN model = '' THEN 'tool' ELSE 'model' END AS part, cost_micros AS cost,
               cost_micros IS NULL OR estimated AS doubtful
          FROM metering_usagerow WHERE tenant_id = %(tenant)s AND run_id = %(run)s
        UNION ALL
        SELECT 'human', cost_micros, cost_micros IS NULL
          FROM metering_humantime WHERE tenant_id = %(tenant)s AND run_id = %(run)s) AS parts
"""


_BOOKED_ONCE = "ON CONFLICT (tenant_id, request_id, person_id) DO NOTHING"


@transaction.atomic(durable=True)
def set_budget(*, kind: BudgetKind, value: str, period: Period, limit_micros: int, actor: Actor) -> Budget:
    """Set or change the limit of one budget; what is spent and held stays. Needs MANAGE_BUDGETS."""
    require(actor, Perm.MANAGE_BUDGETS)
    if limit_micros < 0 or bool(value) == (kind is BudgetKind.TENANT):
        raise Invalid("a budget names a workflow or a model, or neither for the tenant, and is not below zero")
    now = clock.now()
    which = {"kind": kind, "value": value, "period": period}
    before = Budget.objects.select_for_update().filter(**which).values_list("limit_micros", flat=True).first()
    change = {"limit_micros": limit_micros, "set_by": actor.id, "set_at": now}
    budget, _ = Budget.objects.update_or_create(
        **which, defaults=change, create_defaults={**change, "window_start": window_start(period, now)}
    )
    record(BudgetSet(budget.pk, kind, value, period, limit_micros, before), actor=actor)
    return budget


@transaction.atomic(durable=True)
def set_price(*, provider: str, model: str, rate: Rate, source: str, actor: Actor) -> TenantPrice:
    """Set what the tenant pays from now on; the price before it is closed, not changed.

    `model` "" prices the tool calls of the connector `provider`; provider "human" prices a person's minute.
    """
    require(actor, Perm.MANAGE_BUDGETS)
    if min(rate.input, rate.output, rate.per_call, rate.cached or Decimal(0)) < 0 or not provider or not source:
        raise Invalid("a price has a provider and a source and is not below zero")
    which = {"provider": provider, "model": model, "above_tokens": rate.above_tokens}
    now = clock.now()
    TenantPrice.objects.filter(**which, valid_to=None).update(valid_to=now)
    columns = {"input_per_mtok": rate.input, "cached_per_mtok": rate.cached, "output_per_mtok": rate.output}
    try:
        with transaction.atomic():
            price = TenantPrice.objects.create(
                **which, **columns, per_call=rate.per_call, valid_from=now, source=source, set_by=actor.id
            )
    except IntegrityError as error:
        raise LostRace("somebody else set this price at the same moment") from error
    record(_price_set(price), actor=actor)
    return price


def _held(call_id: UUID) -> list[Reservation]:
    """In the order in which budgets are locked."""
    held = sorted(quick.find(Reservation, call_id=call_id), key=lambda hold: hold.budget_id)
    known = {budget.pk: budget for budget in quick.find(Budget, id=[hold.budget_id for hold in held])} if held else {}
    for hold in held:
        hold.budget = known[hold.budget_id]
    return held


def _charge(call_id: UUID, cost: Cost, *, workflow: str, model: str | None, at: datetime) -> None:
    held = _held(call_id)
    for hold in held:
        due = cost.micros if cost.known else hold.micros
        budgets.charge(hold.budget, micros=due, held=hold.micros, at=at)
    if held:
        Reservation.objects.filter(call_id=call_id).delete()
    elif cost.micros:
        for budget in budgets.covering(workflow=workflow, model=model):
            budgets.charge(budget, micros=cost.micros, held=0, at=at)


def _book(usage: Usage, cost: Cost, place: Place, **which: Any) -> None:
    row = UsageRow(
        **asdict(place),
        provider=usage.provider,
        model=usage.model,
        tokens_in=usage.tokens_in,
        tokens_cached=usage.tokens_cached,
        tokens_out=usage.tokens_out,
        tool_calls=usage.tool_calls,
        estimated=usage.estimated,
        cost_micros=_known(cost),
        **which,
    )
    quick.insert([row])


def _known(cost: Cost) -> int | None:
    return cost.micros if cost.known else None


def _cost(micros: int | None) -> Cost:
    return UNKNOWN_COST if micros is None else Cost(micros, known=True)


def _workflow_of(run_id: UUID | None) -> str:
    """The workflow that the run's own usage names; an approval before any call has none to name."""
    with connection.cursor() as cursor:
        cursor.execute(_WORKFLOW_OF, [scope.current(), run_id])
        found = cursor.fetchone()
    return str(found[0]) if found else ""


_WORKFLOW_OF = """
SELECT workflow FROM metering_usagerow WHERE tenant_id = %s AND run_id = %s AND workflow <> '' ORDER BY id LIMIT 1
"""


def _settled(call_id: UUID, attempt: int, usage: Usage, cost: Cost) -> UsageSettled:
    return UsageSettled(
        call_id=call_id,
        attempt=attempt,
        provider=usage.provider,
        model=usage.model,
        tokens_in=usage.tokens_in,
        tokens_cached=usage.tokens_cached,
        tokens_out=usage.tokens_out,
        tool_calls=usage.tool_calls,
        cost_micros=cost.micros,
        known=cost.known,
        estimated=usage.estimated,
    )


def _price_set(price: TenantPrice) -> PriceSet:
    return PriceSet(
        price_id=price.pk,
        provider=price.provider,
        model=price.model,
        input=str(price.input_per_mtok),
        output=str(price.output_per_mtok),
        cached=None if price.cached_per_mtok is None else str(price.cached_per_mtok),
        per_call=str(price.per_call),
        source=price.source,
    )
