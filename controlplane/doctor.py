"""`manage.py doctor`: every dependency, its version, whether it can be reached, and what to do if not."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from connectors.slack import reports
from controlplane.database import OLDEST_SERVER
from evidence import lateness
from evidence.errors import OutsideMisconfigured
from evidence.outside import configured

NEEDED_MB = 500


@dataclass(frozen=True)
class Finding:
    """`needed` False: its absence is worth a word, not a failure."""

    name: str
    ok: bool
    found: str
    advice: str = ""
    needed: bool = True


def python() -> Finding:
    ok = sys.version_info >= (3, 11)
    return Finding("Python", ok, platform.python_version(), "Install Python 3.11 or newer and run `make setup` again.")


def libraries() -> Finding:
    """The locked packages that carry the product."""
    names = ("django", "djangorestframework", "django-q2", "psycopg", "cryptography", "opa-golib-python-bindings")
    found, missing = [], []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    return Finding("Libraries", not missing, ", ".join(found), f"Missing: {', '.join(missing)}. Run `make setup`.")


def server() -> Finding:
    advice = "Start it with `manage.py database up`, or correct DATABASE_URL."
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int, current_user")
            number, user = cursor.fetchone()
    except DatabaseError as error:
        return Finding("PostgreSQL", False, str(error).splitlines()[0], advice)
    kind = "embedded" if settings.DATABASE_LOCATOR.embedded else "DATABASE_URL"
    return Finding(
        "PostgreSQL", number >= OLDEST_SERVER, f"{number // 10000}.{number % 100} ({kind}, as {user})", advice
    )


def database_role() -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
            (powerful,) = cursor.fetchone()
    except DatabaseError:
        return Finding("Database role", False, "unknown", "PostgreSQL must answer first.")
    found = "could bypass row security" if powerful else "no superuser, no bypass"
    return Finding("Database role", not powerful, found, "Run `manage.py database bootstrap` to set the roles right.")


def migrations() -> Finding:
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return Finding("Schema", False, "unknown", "PostgreSQL must answer first.")
    return Finding("Schema", not waiting, f"{len(waiting)} migrations waiting", "Run `manage.py database bootstrap`.")


def data_folder() -> Finding:
    folder: Path = settings.INTERLOCK_DATA_DIR
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free // 2**20
    ok = os.access(folder, os.W_OK) and free > NEEDED_MB
    return Finding("Data folder", ok, f"{folder}, {free} MB free", f"Needs to be writable with {NEEDED_MB} MB free.")


def secret_files() -> Finding:
    """Keys and passwords are readable by their owner only."""
    folders = [settings.INTERLOCK_DATA_DIR / "keys", settings.INTERLOCK_DATA_DIR / "secrets"]
    loose = [p for f in folders if f.exists() for p in f.rglob("*") if p.is_file() and p.stat().st_mode & 0o077]
    return Finding("Key files", not loose, f"{len(loose)} readable by others", f"chmod 600 {' '.join(map(str, loose))}")


def frontend() -> Finding:
    built = settings.BASE_DIR / "static" / "dist" / "app.js"
    return Finding("Front end", built.exists(), "built" if built.exists() else "not built", "Run `make setup`.")


def browser() -> Finding:
    path = os.environ.get("INTERLOCK_CHROMIUM") or shutil.which("chromium")
    advice = "For the browser tests: `apt-get install chromium`, or set INTERLOCK_CHROMIUM."
    return Finding("Chromium", bool(path), path or "not found", advice, needed=False)


def anchors() -> Finding:
    """Has everybody outside, who is named in `anchors.json`, seen the signed heads?"""
    advice = "Is `manage.py anchors` running, in the role of the sequencer? Its log says who does not answer."
    try:
        outside, late = configured(), lateness.everywhere()
    except OutsideMisconfigured as error:
        return Finding("Anchors", False, error.detail, "Correct the file; until then nobody outside hears anything.")
    except DatabaseError:
        return Finding("Anchors", False, "unknown", "PostgreSQL must answer first.")
    if late:
        return Finding("Anchors", False, f"late: {'; '.join(late)}", advice, needed=False)
    named = len(outside.tsas) + len(outside.witnesses) + len(outside.places)
    return Finding("Anchors", True, f"{named} outside are shown signed heads, none is late")


def slack_lines() -> Finding:
    """Socket Mode: whether every endpoint that wants a line has one that is connected."""
    try:
        lines = reports.everywhere()
    except DatabaseError:
        return Finding("Slack lines", False, "unknown", "PostgreSQL must answer first.", needed=False)
    found = "; ".join(one.told for one, _ in lines) or "none wanted"
    advice = "Run `manage.py slack_socket`; the last error says why a line does not come about."
    return Finding("Slack lines", all(served for _, served in lines), found, advice, needed=False)


PROBES: Mapping[str, Callable[[], Finding]] = MappingProxyType(
    {
        "python": python,
        "libraries": libraries,
        "server": server,
        "database_role": database_role,
        "migrations": migrations,
        "data_folder": data_folder,
        "secret_files": secret_files,
        "anchors": anchors,
        "frontend": frontend,
        "browser": browser,
        "slack_lines": slack_lines,
    }
)


def examine() -> list[Finding]:
    return [probe() for probe in PROBES.values()]
