"""List prices of the model vendors, read from the snapshot inside the `genai-prices` package. No network.

Batch variants and surcharges (web search, audio) are left out: the gateway makes none of those calls.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal

import genai_prices
from genai_prices import types as vendor
from genai_prices.data_snapshot import get_snapshot

from metering.types import Rate

PROVIDERS = ("anthropic", "azure", "google", "openai")
SOURCE = f"genai-prices {genai_prices.__version__}"
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ListPrice:
    """One rate of one model, from `valid_from` (inclusive) to `valid_to` (exclusive; None: still valid)."""

    provider: str
    model: str
    rate: Rate
    valid_from: datetime
    valid_to: datetime | None


def list_prices() -> Iterator[ListPrice]:
    """Every input/output price of the supported providers, tiers and dated changes included."""
    for provider in get_snapshot().providers:
        if provider.id in PROVIDERS:
            for model in provider.models:
                yield from _of_model(provider.id, model)


def family_of(provider: str, model: str) -> str | None:
    """The catalogue's name for a dated snapshot, e.g. `gpt-4.1-mini` for `gpt-4.1-mini-2025-04-14`."""
    if provider not in PROVIDERS:
        return None
    try:
        return get_snapshot().find_provider_model(model, None, provider, None)[1].id
    except LookupError:
        return None


def _of_model(provider: str, model: vendor.ModelInfo) -> Iterator[ListPrice]:
    steps = _dated_steps(model.prices)
    ends: list[datetime | None] = [start for start, _ in steps[1:]]
    for (start, price), end in zip(steps, [*ends, None], strict=True):
        for rate in _rates(price):
            yield ListPrice(provider, model.id, rate, start, end)


def _dated_steps(
    prices: vendor.ModelPrice | list[vendor.ConditionalPrice],
) -> list[tuple[datetime, vendor.ModelPrice]]:
    """Prices by the day they start; a price by time of day is a discount that we do not count on."""
    if isinstance(prices, vendor.ModelPrice):
        return [(_ALWAYS, prices)]
    dated = {_start(p.constraint): p.prices for p in prices if _is_dated(p.constraint)}
    dated.setdefault(_ALWAYS, prices[0].prices)
    return sorted(dated.items(), key=lambda step: step[0])


def _is_dated(constraint: object) -> bool:
    return constraint is None or isinstance(constraint, vendor.StartDateConstraint)


def _start(constraint: object) -> datetime:
    if isinstance(constraint, vendor.StartDateConstraint):
        return datetime.combine(constraint.start_date, time(), UTC)
    return _ALWAYS


def _rates(price: vendor.ModelPrice) -> list[Rate]:
    """The base rate and one per tier; a model without both an input and an output price has none."""
    if price.input_mtok is None or price.output_mtok is None:
        return []
    starts = {0} | {t.start for p in (price.input_mtok, price.output_mtok) for t in _tiers(p)}
    return [_rate(price, start) for start in sorted(starts)]


def _rate(price: vendor.ModelPrice, above: int) -> Rate:
    cached = price.cache_read_mtok
    return Rate(
        input=_at(price.input_mtok, above),
        output=_at(price.output_mtok, above),
        cached=None if cached is None else _at(cached, above),
        above_tokens=above,
    )


def _tiers(price: Decimal | vendor.TieredPrices) -> list[vendor.Tier]:
    return price.tiers if isinstance(price, vendor.TieredPrices) else []


def _at(price: Decimal | vendor.TieredPrices | None, above: int) -> Decimal:
    if isinstance(price, vendor.TieredPrices):
        passed = [tier.price for tier in price.tiers if tier.start <= above]
        return passed[-1] if passed else price.base
    return price or Decimal(0)
