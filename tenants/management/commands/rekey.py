import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants import keys, rekeying


class Command(BaseCommand):
    help = (
        "Turn the key epoch: move everything that is encrypted to new keys, then destroy the old one. Backups made"
        " before cannot be decrypted by anybody afterwards: take a new one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--carry-on", action="store_true", help="finish a turn that was begun, begin none")

    def handle(self, *_: Any, carry_on: bool, **__: Any) -> None:
        if not carry_on:
            try:
                keys.turn()
            except FileExistsError as error:
                raise CommandError("the epoch before has not ended: use --carry-on") from error
        while not rekeying.carry_on():
            self.stdout.write("moved; waiting until no process can use the old keys")
            time.sleep(10)
        self.stdout.write("the former epoch has ended")
