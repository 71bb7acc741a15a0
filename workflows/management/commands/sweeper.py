import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from controlplane.lib import clock
from controlplane.lib.stopping import stop_signal
from workflows.sweeping import CHORES, attempt

TICK_S = 0.25


class Command(BaseCommand):
    help = "Wake overdue runs, expire approvals, refresh policies, forget what is past its time. Several may run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do every chore once, then end")

    def handle(self, *_: Any, once: bool, **__: Any) -> None:
        if once:
            for chore in CHORES:
                attempt(chore)
        else:
            _serve(stop_signal())


def _serve(stop: threading.Event) -> None:
    due = dict.fromkeys(CHORES, 0.0)
    while not stop.is_set():
        for chore in CHORES:
            if due[chore] <= clock.monotonic() and not stop.is_set():
                attempt(chore)
                due[chore] = clock.monotonic() + chore.every_s
        stop.wait(TICK_S)
