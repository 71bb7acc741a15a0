import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evidence.fsck import examine
from evidence.fsck.findings import Finding
from tenants.services import tenant_id_of


class Command(BaseCommand):
    help = "Derive the whole record again from its bytes, while it is in use. Exit code 1 when something does not fit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", nargs="?", help="slug of one tenant (default: all)")
        parser.add_argument("--json", action="store_true", help="one JSON document a line, one per finding")

    def handle(self, *_: Any, tenant: str | None, json: bool, **__: Any) -> None:
        only = tenant_id_of(tenant) if tenant else None
        if tenant and only is None:
            raise CommandError(f"there is no tenant {tenant}", returncode=2)
        found = 0
        for finding in examine.everything(only):
            found += 1
            self.stdout.write(_as_json(finding) if json else _line(finding))
        if found:
            raise CommandError(f"{found} findings", returncode=1)
        self.stderr.write("the record is whole")


def _line(finding: Finding) -> str:
    return f"{finding.code:<20} {finding.place}: {finding.message}"


def _as_json(finding: Finding) -> str:
    members = {name: str(value) for name, value in asdict(finding).items() if value is not None}
    return json.dumps(members)
