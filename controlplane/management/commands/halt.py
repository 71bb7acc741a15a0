"""The kill switch beside the database, for the moment when HTTP is down.

Whoever may run this may stop, with or without an account; the record says which login of which machine it was.
There is no release here: two people release, in the console or over the API, where each proves who they are.
"""

import getpass
import platform
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from controlplane.lib.errors import DomainError
from tenants import access, halts, scope, services
from tenants.actors import Actor
from tenants.halt_scopes import Kind, Scope
from tenants.models import Halt, User


class Command(BaseCommand):
    help = "Stop work at once when HTTP is down. Releasing takes two people, in the console or by the API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        engage = actions.add_parser("engage", help="stop a scope now")
        engage.add_argument("tenant", help="name of the tenant in its address; also of the record for global")
        engage.add_argument(
            "--scope",
            default="tenant",
            help=f"one of {', '.join(Kind)}; named like connector:slack. tenant when left out",
        )
        engage.add_argument("--as", dest="username", help="a member who may; left out, the login of this machine")
        engage.add_argument("--reason", required=True)
        engage.add_argument("--undo", action="store_true", help="also undo what open runs have written")
        for name, words in (("status", "what is stopped now"), ("list", "every halt there was, newest first")):
            actions.add_parser(name, help=words).add_argument("tenant")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(options)
        except DomainError as refusal:
            raise CommandError(f"{refusal.title}: {refusal.detail}") from refusal

    def _engage(self, options: dict[str, Any]) -> None:
        tenant_id = _tenant(options["tenant"])
        mode = Halt.Mode.STOP_AND_UNDO if options["undo"] else Halt.Mode.FREEZE
        with scope.enter(tenant_id):
            halt = halts.engage(
                scope=Scope.parse(options["scope"]),
                mode=mode.value,
                reason=options["reason"],
                actor=_actor(tenant_id, options),
            )
        self.stdout.write(f"{halt.scope}: no new call is sent since {halt.engaged_at:%H:%M:%SZ} (halt {halt.id})")
        self.stdout.write(_confirmed(halt))

    def _status(self, options: dict[str, Any]) -> None:
        self._show(options, halts.every_active, "nothing is stopped")

    def _list(self, options: dict[str, Any]) -> None:
        self._show(options, halts.history, "never used")

    def _show(self, options: dict[str, Any], rows: Any, empty: str) -> None:
        with scope.enter(_tenant(options["tenant"])), transaction.atomic():
            found = rows()
        for halt in found:
            self.stdout.write(
                f"{halt.id}  {halt.engaged_at:%Y-%m-%d %H:%M:%SZ}  {halt.scope}  {halt.mode}  {halt.state}"
                f"  by {halt.engaged_by_label}: {halt.reason}"
            )
        if not found:
            self.stdout.write(empty)


def _tenant(slug: str) -> UUID:
    with transaction.atomic():
        tenant_id = services.tenant_id_of(slug)
    if tenant_id is None:
        raise CommandError(f"there is no tenant {slug}")
    return tenant_id


def _actor(tenant_id: UUID, options: dict[str, Any]) -> Actor:
    """The member that was named, with the rights of a member; else the machine's login, which may only stop."""
    if options["username"] is None:
        return Actor.host(tenant_id, f"{getpass.getuser()}@{platform.node()}")
    user = User.objects.filter(username=options["username"]).first()
    if user is None:
        raise CommandError(f"there is no user {options['username']}")
    return access.member(user, options["tenant"], method="host")


def _confirmed(halt: Halt) -> str:
    if halt.confirmed_after_ms is None:
        return "earlier calls are still ending; `halt status` says when none is"
    return f"confirmed after {halt.confirmed_after_ms} ms: nothing sent before is in flight"
