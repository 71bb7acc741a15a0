from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane import contracts


class Command(BaseCommand):
    help = "Writes docs/contracts/ from the schemas that the code checks with."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a file is out of date")

    def handle(self, *_args: Any, **options: Any) -> None:
        if broken := contracts.broken_promises():
            raise CommandError("published events must stay readable: " + "; ".join(broken))
        if not options["check"]:
            self.stdout.write("\n".join(contracts.write_all()) or "all up to date")
            return
        if late := contracts.out_of_date():
            self.stderr.write(f"out of date: {', '.join(late)}; run manage.py publish_contracts")
            raise SystemExit(1)
