"""Which rates apply: the tenant's own before the vendor's list, the exact name before the model's family."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from metering import catalogue
from metering.models import ModelPrice, PriceColumns, TenantPrice
from metering.types import HUMAN, Rate
from tenants import quick

_CATALOGUE_NAMES = {"azure_openai": "azure", "azure-openai": "azure", "gemini": "google"}

OURSELVES = "interlock"
"""Calls to ourselves (drills, canaries) leave no process and cost nothing."""


def rates_for(provider: str, model: str, at: datetime) -> list[Rate]:
    """The rates (one per tier) of a model, of a connector's tools (`model` "") or of people; [] = unknown."""
    if provider == OURSELVES:
        return [Rate(Decimal(0), Decimal(0))]
    listed = _CATALOGUE_NAMES.get(provider, provider)
    family = catalogue.family_of(listed, model) if model else None
    names = [model] if family in (None, model) else [model, str(family)]
    own = _first_of(quick.find(TenantPrice, provider=provider, model=names), names, at)
    return own or _first_priced(ModelPrice.objects.filter(provider=listed), names, at)


def minute_rate(at: datetime) -> Decimal | None:
    """USD per minute of a person, None while the tenant has set none."""
    rates = _first_of(quick.find(TenantPrice, provider=HUMAN, model=""), [""], at)  # no vendor lists people
    return rates[0].per_call if rates else None


def seed(prices: Any = ModelPrice) -> int:
    """Write the catalogue of the installed genai-prices into the price list; returns how many rates it holds.

    Rates are added and corrected, never removed: what was once priced can be priced again. Takes the model
    class so that a migration can pass its own.
    """
    rows = [_row(prices, listed) for listed in catalogue.list_prices()]
    prices.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["provider", "model", "above_tokens", "valid_from"],
        update_fields=["input_per_mtok", "cached_per_mtok", "output_per_mtok", "valid_to", "source"],
    )
    return len(rows)


def _row(prices: Any, listed: catalogue.ListPrice) -> Any:
    return prices(
        provider=listed.provider,
        model=listed.model,
        above_tokens=listed.rate.above_tokens,
        input_per_mtok=listed.rate.input,
        cached_per_mtok=listed.rate.cached,
        output_per_mtok=listed.rate.output,
        per_call=listed.rate.per_call,
        valid_from=listed.valid_from,
        valid_to=listed.valid_to,
        source=catalogue.SOURCE,
    )


def _first_priced(rows: QuerySet[Any], names: Sequence[str], at: datetime) -> list[Rate]:
    valid = rows.filter(Q(valid_to=None) | Q(valid_to__gt=at), model__in=names, valid_from__lte=at)
    return _first_of(valid, names, at)


def _first_of(found: Iterable[PriceColumns], names: Sequence[str], at: datetime) -> list[Rate]:
    valid = [row for row in found if row.valid_from <= at and (row.valid_to is None or row.valid_to > at)]
    for name in names:
        rates = [row.rate for row in valid if row.model == name]
        if rates:
            return rates
    return []
