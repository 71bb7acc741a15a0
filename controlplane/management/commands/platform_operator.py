"""`manage.py platform_operator NAME [--off]`: who runs this installation. Runs as the owner of the database."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.models import PlatformOperator, User


class Command(BaseCommand):
    help = "Make a person a platform operator, or take it back. Run it with INTERLOCK_DB_ROLE=owner."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--off", action="store_true", help="take it back")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"], kind=User.Kind.HUMAN).first()
        if user is None:
            raise CommandError(f"there is no person named {options['username']}")
        if options["off"]:
            PlatformOperator.objects.filter(pk=user.pk).delete()
        else:
            PlatformOperator.objects.get_or_create(user=user)
        self.stdout.write(f"{user.username} is {'no longer ' if options['off'] else ''}a platform operator")
