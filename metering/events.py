from dataclasses import dataclass
from uuid import UUID

from controlplane.lib.events import event


@event("metering.reserved")
@dataclass(frozen=True)
class Reserved:
    """Micro-USD held for a call against each of the budgets, before it is sent."""

    call_id: UUID
    estimate_micros: int
    budgets: list[UUID]


@event("metering.usage_settled")
@dataclass(frozen=True)
class UsageSettled:
    """One attempt of a call. `known` False: no price was found; `estimated`: the provider did not report."""

    call_id: UUID
    attempt: int
    provider: str
    model: str
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    tool_calls: int
    cost_micros: int
    known: bool
    estimated: bool


@event("metering.human_time_recorded")
@dataclass(frozen=True)
class HumanTimeRecorded:
    """`measured` False: nobody knows when the person began, so the time since the request was opened counts."""

    request_id: UUID
    person_id: UUID
    seconds: int
    measured: bool
    cost_micros: int
    known: bool


@event("metering.budget_set")
@dataclass(frozen=True)
class BudgetSet:
    budget_id: UUID
    kind: str
    value: str
    period: str
    limit_micros: int
    previous_micros: int | None


@event("metering.price_set")
@dataclass(frozen=True)
class PriceSet:
    """Prices as decimal text in USD, per 1,000,000 tokens and per call."""

    price_id: UUID
    provider: str
    model: str
    input: str
    output: str
    cached: str | None
    per_call: str
    source: str
