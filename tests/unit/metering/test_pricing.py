"""Prices as tables, and against the calculator of genai-prices."""

from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from genai_prices import Usage as VendorUsage

from metering.catalogue import PROVIDERS, ListPrice, family_of, list_prices
from metering.money import micros_from_usd, show, usd
from metering.pricing import applicable, cost_of, human_cost, window_start
from metering.types import UNKNOWN_COST, Cost, Period, Rate, Usage

HAIKU = Rate(input=Decimal("0.80"), cached=Decimal("0.08"), output=Decimal("4"))
TIER_1 = Rate(input=Decimal(3), output=Decimal(15))
TIER_2 = Rate(input=Decimal(6), output=Decimal("22.5"), above_tokens=200_000)
AT = datetime(2026, 11, 21, 13, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("usage", "rates", "micros"),
    [
        (Usage("a", "m", tokens_in=1_000_000), [HAIKU], 800_000),
        (Usage("a", "m", tokens_in=1), [HAIKU], 1),
        (Usage("a", "m", tokens_in=100, tokens_cached=100), [HAIKU], 8),
        (Usage("a", "m", tokens_in=412, tokens_cached=256, tokens_out=37), [HAIKU], 294),
        (Usage("a", "m", tokens_in=10, tokens_cached=10), [TIER_1], 30),
        (Usage("a", "m", tokens_in=200_000), [TIER_1, TIER_2], 600_000),
        (Usage("a", "m", tokens_in=200_001), [TIER_1, TIER_2], 1_200_006),
        (
            Usage("servicenow", tool_calls=2),
            [Rate(Decimal(0), Decimal(0), per_call=Decimal("0.005"))],
            10_000,
        ),
        (Usage("servicenow", tool_calls=2), [Rate(Decimal(0), Decimal(0))], 0),
    ],
)
def test_cost(usage: Usage, rates: list[Rate], micros: int) -> None:
    assert cost_of(usage, rates) == Cost(micros, known=True)


def test_no_price_is_unknown_and_not_free() -> None:
    assert cost_of(Usage("a", "m", tokens_in=5), []) == UNKNOWN_COST
    assert not UNKNOWN_COST.known


def test_a_tier_alone_does_not_price_a_small_request() -> None:
    assert applicable([TIER_2], 10) is None


@pytest.mark.parametrize("counts", [{"tokens_in": -1}, {"tokens_in": True}, {"tokens_in": 1, "tokens_cached": 2}])
def test_impossible_usage_is_refused(counts: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        Usage("a", "m", **counts)


def test_human_minutes_cost_what_was_agreed_or_are_unknown() -> None:
    assert human_cost(90, Decimal("1.20")) == Cost(1_800_000, known=True)
    assert human_cost(90, None) == UNKNOWN_COST


@pytest.mark.parametrize(("amount", "micros"), [("0.0000001", 1), ("1.24", 1_240_000), ("0", 0)])
def test_money_rounds_up(amount: str, micros: int) -> None:
    assert micros_from_usd(Decimal(amount)) == micros


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity"])
def test_what_is_not_money_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        micros_from_usd(Decimal(amount))


@pytest.mark.parametrize(
    ("micros", "text"), [(0, "$0.00"), (37, "$0.000037"), (1_240_000, "$1.24"), (1_240_001, "$1.25")]
)
def test_money_for_people_never_hides_a_cost(micros: int, text: str) -> None:
    assert show(micros) == text


def test_usd_is_exact() -> None:
    assert usd(1) == Decimal("0.000001")


@pytest.mark.parametrize(
    ("period", "start"),
    [
        (Period.DAY, datetime(2026, 11, 21, tzinfo=UTC)),
        (Period.MONTH, datetime(2026, 11, 1, tzinfo=UTC)),
        (Period.TOTAL, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_windows_start_in_utc(period: Period, start: datetime) -> None:
    assert window_start(period, AT) == start


def _current(provider: str, model: str) -> list[Rate]:
    return [p.rate for p in list_prices() if _is_current(p, provider, model)]


def _is_current(price: ListPrice, provider: str, model: str) -> bool:
    ended = price.valid_to is not None and price.valid_to <= AT
    return (price.provider, price.model) == (provider, model) and price.valid_from <= AT and not ended


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4.1-mini-2025-04-14"),
        ("anthropic", "claude-sonnet-4-6"),
        ("anthropic", "claude-3-5-haiku-latest"),
        ("google", "gemini-2.5-pro"),
    ],
)
@pytest.mark.parametrize(("tokens_in", "cached", "out"), [(412, 256, 37), (250_000, 0, 900), (1, 0, 1)])
def test_our_price_is_the_vendor_catalogues_rounded_up(
    provider: str, model: str, tokens_in: int, cached: int, out: int
) -> None:
    family = family_of(provider, model)
    assert family is not None
    expected = genai_prices.calc_price(
        VendorUsage(input_tokens=tokens_in, cache_read_tokens=cached, output_tokens=out),
        model,
        provider_id=provider,
        genai_request_timestamp=AT,
    ).total_price
    usage = Usage(provider, model, tokens_in=tokens_in, tokens_cached=cached, tokens_out=out)
    assert cost_of(usage, _current(provider, family)) == Cost(micros_from_usd(expected), known=True)


def test_the_stand_in_model_is_in_no_catalogue() -> None:
    assert family_of("anthropic", "interlock-sandbox-1") is None
    assert family_of("nobody", "gpt-4.1-mini") is None


def test_one_model_has_one_rate_per_tier_and_day() -> None:
    keys = [(p.provider, p.model, p.valid_from, p.rate.above_tokens) for p in list_prices()]
    assert len(keys) == len(set(keys))
    assert {provider for provider, *_ in keys} == set(PROVIDERS)
