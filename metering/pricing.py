"""From usage and rates to a cost. Pure: the rates come from the caller."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from metering.money import micros_from_usd
from metering.types import UNKNOWN_COST, Cost, Period, Rate, Usage

_PER = Decimal(1_000_000)


def cost_of(usage: Usage, rates: Iterable[Rate]) -> Cost:
    """Price one attempt; no rate that applies means unknown, which is never zero."""
    rate = applicable(rates, usage.tokens_in)
    if rate is None:
        return UNKNOWN_COST
    return Cost(micros_from_usd(_usd(usage, rate)), known=True)


def applicable(rates: Iterable[Rate], tokens_in: int) -> Rate | None:
    """The rate of the highest tier that a request with so many input tokens has passed."""
    reached = [rate for rate in rates if rate.above_tokens == 0 or tokens_in > rate.above_tokens]
    return max(reached, key=lambda rate: rate.above_tokens, default=None)


def human_cost(seconds: int, per_minute: Decimal | None) -> Cost:
    """What the time of a person costs; unknown while nobody has set a rate."""
    if per_minute is None:
        return UNKNOWN_COST
    return Cost(micros_from_usd(per_minute * seconds / 60), known=True)


def window_start(period: Period, at: datetime) -> datetime:
    """When the period that holds this moment began, UTC; a total began with the epoch."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    starts = {
        Period.DAY: day,
        Period.MONTH: day.replace(day=1),
        Period.TOTAL: datetime(1970, 1, 1, tzinfo=UTC),
    }
    return starts[period]


def _usd(usage: Usage, rate: Rate) -> Decimal:
    cached_rate = rate.input if rate.cached is None else rate.cached
    fresh = usage.tokens_in - usage.tokens_cached
    tokens = fresh * rate.input + usage.tokens_cached * cached_rate + usage.tokens_out * rate.output
    return tokens / _PER + usage.tool_calls * rate.per_call
