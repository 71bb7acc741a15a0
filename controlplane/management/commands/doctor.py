import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane import doctor


class Command(BaseCommand):
    help = "Look at every dependency: version, reachable or not, what to do. Exit code 1 when a needed one is unfit."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = doctor.examine()
        if options["json"]:
            self.stdout.write(json.dumps([asdict(f) for f in findings], indent=2))
        else:
            for finding in findings:
                self._line(finding)
        missing = [f.name for f in findings if f.needed and not f.ok]
        if missing:
            raise CommandError(f"not fit: {', '.join(missing)}", returncode=1)

    def _line(self, finding: doctor.Finding) -> None:
        mark = "ok  " if finding.ok else "FAIL" if finding.needed else "note"
        self.stdout.write(f"{mark}  {finding.name:<14} {finding.found}")
        if not finding.ok:
            self.stdout.write(f"      {'':<14} {finding.advice}")
