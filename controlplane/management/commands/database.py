"""`manage.py database up|down|bootstrap|status`: the embedded server, roles and schema."""

import os
import subprocess
import sys
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane import database


class Command(BaseCommand):
    help = "Start or stop the embedded PostgreSQL; create roles and tables (also on a server of your own)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["up", "down", "bootstrap", "status"])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["action"])()
        except (psycopg.OperationalError, database.DatabaseUnavailable) as error:
            raise CommandError(f"{error}\nCheck DATABASE_URL, or leave it unset to use the embedded server.") from error

    def up(self) -> None:
        """Server, roles, tables: everything that the other processes need."""
        if settings.DATABASE_LOCATOR.embedded:
            database.start_embedded(settings.DATABASE_LOCATOR)
        self.bootstrap()

    def bootstrap(self) -> None:
        server = settings.DATABASE_LOCATOR.server()
        database.bootstrap(settings.DATABASE_LOCATOR, server)
        environment = {**os.environ, "INTERLOCK_DB_ROLE": "owner"}
        command = [sys.executable, "manage.py", "migrate", "--no-input", "-v", "0"]
        subprocess.run(command, check=True, env=environment, cwd=settings.BASE_DIR)  # noqa: S603 - fixed arguments
        self.stderr.write(f"database {server.name} at {server.host} is ready")

    def down(self) -> None:
        stopped = settings.DATABASE_LOCATOR.embedded and database.stop_embedded(settings.DATABASE_LOCATOR)
        self.stderr.write("stopped" if stopped else "no embedded server was running")

    def status(self) -> None:
        server = settings.DATABASE_LOCATOR.server()
        dsn = server.dsn(database.role_name("app"), settings.DATABASE_LOCATOR.password("app"))
        with psycopg.connect(dsn) as connection:
            self.stdout.write(f"PostgreSQL {connection.info.server_version // 10000} at {server.host}")
