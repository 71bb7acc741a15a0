"""System checks of metering."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from metering import catalogue


@register()
def catalogue_is_complete(**_: Any) -> list[CheckMessage]:
    """The installed price catalogue covers every provider that the gateway can call."""
    covered = {price.provider for price in catalogue.list_prices()}
    return [
        Error(
            f"{catalogue.SOURCE} has no prices for {provider}",
            hint="Pin a version of genai-prices that has them: without a price every model call is refused.",
            id="metering.E001",
        )
        for provider in catalogue.PROVIDERS
        if provider not in covered
    ]
