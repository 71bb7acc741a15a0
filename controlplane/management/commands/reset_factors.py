"""`manage.py reset_factors NAME`: a person lost the second factor. For whoever has the database, beside it."""

from argparse import ArgumentParser
from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError

from tenants import sessions
from tenants.models import User


class Command(BaseCommand):
    help = "Take all second factors of a person away and end nothing else; the person adds new ones after signing in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"], kind=User.Kind.HUMAN).first()
        if user is None:
            raise CommandError(f"there is no person named {options['username']}")
        gone, _ = Authenticator.objects.filter(user=user).delete()
        sessions.note_change(user=user, change="factors_reset_by_host")
        self.stdout.write(f"{gone} second factors of {user.username} are gone")
