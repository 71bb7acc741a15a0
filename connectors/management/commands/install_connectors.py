"""`manage.py install_connectors`: sign the built-in manifests with this deployment's connector key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from connectors import manifests
from connectors.errors import ManifestInvalid


class Command(BaseCommand):
    help = "Sign and store the built-in connector manifests; run it at installation and after every upgrade."

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            installed = manifests.install()
        except ManifestInvalid as refused:
            raise CommandError(str(refused)) from refused
        for manifest in installed:
            self.stdout.write(f"{manifest.name:12} {manifest.version}  {manifest.digest}")
