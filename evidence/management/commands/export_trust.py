import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evidence import trust
from tenants.services import tenant_id_of


class Command(BaseCommand):
    help = "Write the trust file of a tenant: what an auditor needs besides a bundle."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="slug of the tenant")
        parser.add_argument("--output", type=Path, help="file to write (default: standard output)")

    def handle(self, *_: Any, tenant: str, output: Path | None, **__: Any) -> None:
        tenant_id = tenant_id_of(tenant)
        if tenant_id is None:
            raise CommandError(f"there is no tenant {tenant}")
        text = json.dumps(trust.export(tenant_id), indent=2) + "\n"
        if output is None:
            self.stdout.write(text, ending="")
        else:
            output.write_text(text, encoding="utf-8")
