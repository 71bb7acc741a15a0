import threading
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from controlplane.lib import clock
from controlplane.lib.errors import Unavailable
from controlplane.lib.logs import get_logger
from controlplane.lib.stopping import stop_signal
from evidence import guarding, sequencing

TICK_S = 0.25  # from round to round; events gather meanwhile: one signature and one set of tree nodes serves them all
REST_S = 0.02  # at least, also where a round takes longer than that
BEAT_S = 60.0
log = get_logger(__name__)


class Command(BaseCommand):
    requires_system_checks = []  # a restart after a crash must be quick; web and deployment run them
    help = "Sequence pending events into the logs and sign their heads, until stopped. Several may run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="work off what is waiting, then end")

    def handle(self, *_: Any, once: bool, **__: Any) -> None:
        if settings.INTERLOCK_DB_ROLE != "sequencer":
            raise CommandError("Run the sequencer in its own role: INTERLOCK_DB_ROLE=sequencer")
        if once:
            _work_off()
        else:
            stop = stop_signal()
            self.stdout.write("sequencing", ending="\n")
            self.stdout.flush()
            _serve(stop)


def _serve(stop: threading.Event) -> None:
    next_beat = clock.monotonic()
    while not stop.is_set():
        began = clock.monotonic()
        worked = _round(sequencing.run_once)
        if clock.monotonic() >= next_beat:
            worked += _round(sequencing.beat) + _round(guarding.attest)
            next_beat = clock.monotonic() + BEAT_S
        if worked < sequencing.BATCH:
            stop.wait(max(REST_S, TICK_S - (clock.monotonic() - began)))


def _round(work: Callable[[], int]) -> int:
    """A lost connection or a lost race ends this round only: the next one starts from what is committed."""
    try:
        return work()
    except (DatabaseError, Unavailable):
        log.exception("round abandoned")
        connection.close()
        return 0


def _work_off() -> None:
    while sequencing.run_once():
        pass
    lacking = sequencing.lacking()
    if lacking:
        logs = ", ".join(str(log_id) for _, log_id in lacking)
        raise CommandError(f"Not everything is sequenced and signed (frozen, failed, or another sequencer's): {logs}")
