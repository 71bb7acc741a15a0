"""The smallest Django that the two Django queues need."""

from urllib.parse import parse_qs, unquote, urlsplit

import django
from django.conf import settings
from peer import common


def configure(*apps: str, **more: object) -> None:
    where = urlsplit(common.DSN)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": where.path.lstrip("/"),
        "USER": where.username,
        "PASSWORD": unquote(where.password or ""),
        "HOST": parse_qs(where.query)["host"][0],
        "CONN_MAX_AGE": None,
    }
    settings.configure(
        DATABASES={"default": database},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", *apps],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        SECRET_KEY="bench" * 12,
        USE_TZ=True,
        **more,
    )
    django.setup()


def migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
