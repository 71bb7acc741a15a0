import getpass
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.errors import NotFound
from evidence import keyrings
from evidence.verify import keyring
from tenants import scope
from tenants.actors import Actor
from tenants.services import tenant_id_of

MINUTE_MS = 60_000


class Command(BaseCommand):
    help = "Show the sealing keys of a tenant, replace one now, or revoke one that is no longer its owner's alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="slug of the tenant")
        verbs = parser.add_mutually_exclusive_group()
        verbs.add_argument("--rotate", choices=keyring.USES, help="replace the key of this use")
        verbs.add_argument("--revoke", metavar="KID", help="declare that this key speaks for nobody any more")
        parser.add_argument("--reason", help="why it is revoked: goes on record")
        parser.add_argument(
            "--minutes-ago", type=int, default=0, help="since when the revoked key is not to be trusted"
        )

    def handle(self, *_: Any, tenant: str, **options: Any) -> None:
        tenant_id = tenant_id_of(tenant)
        if tenant_id is None:
            raise CommandError(f"there is no tenant {tenant}")
        if options["revoke"] and not options["reason"]:
            raise CommandError("a revocation says why: --reason")
        with scope.enter(tenant_id), transaction.atomic(durable=True):
            self._work(tenant_id, options)
            self._show()

    def _work(self, tenant_id: UUID, options: dict[str, Any]) -> None:
        actor = Actor.host(tenant_id, getpass.getuser())
        if options["rotate"]:
            keyrings.rotate(options["rotate"], actor=actor)
        elif options["revoke"]:
            at_ms = clock.now_ms() - options["minutes_ago"] * MINUTE_MS
            try:
                keyrings.revoke(options["revoke"], reason=options["reason"], at_ms=at_ms, actor=actor)
            except NotFound as error:
                raise CommandError(str(error)) from error

    def _show(self) -> None:
        found = keyrings.newest()
        for key in found[0].keys if found else ():
            state = "revoked" if key.revoked_at is not None else "expired" if key.not_after < clock.now_ms() else "good"
            self.stdout.write(f"{key.kid}  {key.use:<10}  {state}")
