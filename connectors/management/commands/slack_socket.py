from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from connectors.slack.listening import Switchboard
from controlplane.lib.logs import get_logger
from controlplane.lib.stopping import stop_signal

LOOK_EVERY_S = 2.0

log = get_logger(__name__)


class Command(BaseCommand):
    help = "Listen to Slack over lines that this machine opens (Socket Mode). Several may run."

    def handle(self, *_: Any, **__: Any) -> None:
        stop = stop_signal()
        board = Switchboard()
        while not stop.is_set():
            _refresh(board)
            stop.wait(LOOK_EVERY_S)
        board.close()


def _refresh(board: Switchboard) -> None:
    """A database that is away ends this look only: the lines stay."""
    try:
        board.refresh()
    except DatabaseError:
        log.exception("the endpoints could not be read")
        connection.close()
