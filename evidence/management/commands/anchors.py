from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from controlplane.lib.errors import DomainError
from controlplane.lib.logs import get_logger
from controlplane.lib.stopping import stop_signal
from evidence import anchors

EVERY_S = 60.0
log = get_logger(__name__)


class Command(BaseCommand):
    requires_system_checks = []  # a restart after a crash must be quick; web and deployment run them
    help = "Each minute, show signed heads to time-stamping authorities, witnesses and places of customers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *_: Any, once: bool, **__: Any) -> None:
        if settings.INTERLOCK_DB_ROLE != "sequencer":
            raise CommandError("Run it in the role of the sequencer: INTERLOCK_DB_ROLE=sequencer")
        if once:
            self.stdout.write(f"{anchors.run_round()} anchors, cosignatures and deliveries")
            return
        stop = stop_signal()
        while not stop.is_set():
            _round()
            stop.wait(EVERY_S)


def _round() -> None:
    """A lost connection or a file that cannot be read ends this round only."""
    try:
        anchors.run_round()
    except DatabaseError:
        log.exception("round abandoned")
        connection.close()
    except DomainError:
        log.exception("round abandoned")
