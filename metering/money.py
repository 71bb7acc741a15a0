"""Money as integer micro-USD, always rounded up: rather refuse a cent early than pay one late."""

from decimal import ROUND_CEILING, Decimal, localcontext

MICROS_PER_USD = 1_000_000


def micros_from_usd(amount: Decimal) -> int:
    """Whole micro-USD of an exact amount in USD, rounded up; refuses amounts below zero and not-a-number."""
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"not an amount of money: {amount}")
    with localcontext() as context:
        context.prec = 50
        return int((amount * MICROS_PER_USD).to_integral_value(rounding=ROUND_CEILING))


def usd(micros: int) -> Decimal:
    """The same amount in USD, exact to six places."""
    return (Decimal(micros) / MICROS_PER_USD).quantize(Decimal("0.000001"))


def show(micros: int) -> str:
    """For people: `$1.24`, and enough places that a cost above zero never reads as nothing."""
    if micros and abs(micros) < 10_000:
        return f"${usd(micros)}"
    return f"${usd(micros).quantize(Decimal('0.01'), rounding=ROUND_CEILING)}"
