"""Sign-in attempts are counted before the password is looked at, so that parallel guesses count as well."""

from datetime import timedelta
from hashlib import blake2b

from django.db import connection, transaction

from controlplane.console.models import LoginWindow
from controlplane.lib import clock
from controlplane.lib.errors import TooMany

WINDOW = timedelta(minutes=15)
LIMITS = {"pair": 8, "name": 40, "address": 80}

_COUNT = """
INSERT INTO console_loginwindow (key, attempts, started_at) VALUES (%(key)s, 1, %(now)s)
ON CONFLICT (key) DO UPDATE SET
    attempts = CASE WHEN console_loginwindow.started_at < %(oldest)s THEN 1 ELSE console_loginwindow.attempts + 1 END,
    started_at = CASE WHEN console_loginwindow.started_at < %(oldest)s THEN %(now)s
                      ELSE console_loginwindow.started_at END
RETURNING attempts
"""


class TooManySignIns(TooMany):
    code, title = "too_many_sign_ins", "Too many attempts to sign in"


def admit(*, name: str, address: str) -> None:
    """Count one attempt; raises TooManySignIns above a limit, whether or not the name exists."""
    with transaction.atomic(durable=True):
        counts = {kind: _count(key) for kind, key in _keys(name, address).items()}
    if any(counts[kind] > LIMITS[kind] for kind in LIMITS):
        raise TooManySignIns("Too many attempts. Wait 15 minutes, then try again.")


@transaction.atomic(durable=True)
def forgive(*, name: str, address: str) -> None:
    """After a success the pair starts anew; windows that ended are swept."""
    LoginWindow.objects.filter(key=_keys(name, address)["pair"]).delete()
    LoginWindow.objects.filter(started_at__lt=clock.now() - WINDOW).delete()


def _count(key: str) -> int:
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"key": key, "now": now, "oldest": now - WINDOW})
        row: tuple[int] = cursor.fetchone()
        return row[0]


def _keys(name: str, address: str) -> dict[str, str]:
    folded = name.strip().casefold()
    parts = {"pair": f"{folded}\0{address}", "name": folded, "address": address}
    return {kind: blake2b(f"{kind}\0{part}".encode(), digest_size=32).hexdigest() for kind, part in parts.items()}
