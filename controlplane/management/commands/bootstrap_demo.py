"""`manage.py bootstrap_demo`: the demo's tenant, pointed at the stand-in vendors."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane.lib.errors import DomainError


class Command(BaseCommand):
    help = "Found the tenant acme with people, connectors to the stand-ins, prices, budgets, policy and workflow."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--vendors", default="http://127.0.0.1:8090", help="where the stand-in vendors listen")
        parser.add_argument("--out", type=Path, required=True, help="file for the logins, readable by its owner only")

    def handle(self, *_: Any, vendors: str, out: Path, **__: Any) -> None:
        from controlplane.demo import bootstrap

        try:
            logins = bootstrap.found(vendors_url=vendors)
        except DomainError as refused:
            raise CommandError(f"{refused.title}: {refused}") from refused
        logins.write(out)
        for name, password in logins.passwords.items():
            self.stdout.write(f"{name:8} {password}")
