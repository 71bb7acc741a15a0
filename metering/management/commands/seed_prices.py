"""`manage.py seed_prices`: bring the list prices up to the installed genai-prices. Run as the owner role."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError, transaction

from metering import catalogue, prices


class Command(BaseCommand):
    help = "Write the list prices of the installed genai-prices package (needs INTERLOCK_DB_ROLE=owner)"

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            with transaction.atomic():
                count = prices.seed()
        except ProgrammingError as error:
            raise CommandError(f"run it as the owner role: INTERLOCK_DB_ROLE=owner ({error})") from error
        self.stdout.write(f"{count} rates from {catalogue.SOURCE}")
