"""The kill switch beside the database, for the moment when HTTP is down."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.lib.errors import DomainError
from tenants import access, halts, scope
from tenants.models import Halt, User


class Command(BaseCommand):
    help = "Stop a tenant's writes at once. Releasing takes two people, in the console or by the API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="name of the tenant in its address")
        parser.add_argument("--as", dest="username", required=True, help="who stops it: a member who may")
        parser.add_argument("--reason", required=True)
        parser.add_argument("--undo", action="store_true", help="also undo what open runs have written")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            halt = self._engage(options)
        except DomainError as refusal:
            raise CommandError(f"{refusal.title}: {refusal.detail}") from refusal
        self.stdout.write(
            f"{options['tenant']}: no new call is sent since {halt.engaged_at:%H:%M:%SZ} (halt {halt.id})"
        )

    @staticmethod
    def _engage(options: dict[str, Any]) -> Halt:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"there is no user {options['username']}")
        actor = access.member(user, options["tenant"], method="host")
        mode = Halt.Mode.STOP_AND_UNDO if options["undo"] else Halt.Mode.FREEZE
        with scope.enter(actor.tenant_id):
            covered = halts.Scope(halts.Kind.TENANT)
            return halts.engage(scope=covered, mode=mode.value, reason=options["reason"], actor=actor)
