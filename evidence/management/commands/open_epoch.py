import getpass
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from controlplane.lib.errors import DomainError
from evidence import epochs
from tenants import scope
from tenants.actors import Actor


class Command(BaseCommand):
    help = "Let a log that is frozen after a restore go on in a new epoch. What is lost stays lost, and goes on record."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", type=UUID, help="id of the tenant")
        parser.add_argument("log", type=UUID, help="id of the workspace (or of the tenant: the tenant-wide log)")
        parser.add_argument("--reason", required=True, help="what happened, and who decided: goes on record")

    def handle(self, *_: Any, tenant: UUID, log: UUID, reason: str, **__: Any) -> None:
        if settings.INTERLOCK_DB_ROLE != "sequencer":
            raise CommandError("Run it in the role of the sequencer: INTERLOCK_DB_ROLE=sequencer")
        actor = Actor.host(tenant, getpass.getuser())
        try:
            with scope.enter(tenant):
                origin = epochs.open_next(log_id=log, reason=reason, actor=actor)
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(origin)
