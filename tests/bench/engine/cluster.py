"""A PostgreSQL of the benchmark's own: the product's embedded server, in a folder on disk or in memory.

Every contender gets a database of its own on it, under the same settings, which are printed.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from controlplane import database

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "max_connections": "300",
    "track_commit_timestamp": "on",
}
"""Durable, with room. Checkpoints are rare for all, so that none of them falls into one contender's window only.
Commit timestamps let the latency of every contender be read from its own rows, at no cost to it."""


@dataclass(frozen=True)
class Cluster:
    place: str
    folder: Path
    locator: database.Locator

    @property
    def server(self) -> database.Server:
        return self.locator.server()

    def url(self, name: str) -> str:
        """A DSN that psycopg, SQLAlchemy and everybody else reads."""
        server = self.server
        return f"postgresql://{server.admin}:{quote(server.admin_password)}@/{name}?host={quote(server.host, safe='')}"

    def connect(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self.server.admin_dsn(name), autocommit=True)

    def create(self, name: str) -> None:
        with self.connect("postgres") as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def clone(self, template: str, name: str) -> None:
        """A copy of a database that nobody is connected to."""
        with self.connect("postgres") as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
            admin.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))

    def exists(self, name: str) -> bool:
        with self.connect("postgres") as admin:
            return admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None

    def drop(self, name: str) -> None:
        with self.connect("postgres") as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def shown(self) -> dict[str, str]:
        """The settings as the server itself tells them."""
        names = [*SETTINGS, "wal_level", "wal_sync_method", "server_version"]
        with self.connect("postgres") as admin:
            rows = admin.execute("SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [names])
            return dict(rows.fetchall())


@contextmanager
def running(place: str, folder: Path) -> Iterator[Cluster]:
    """Start from nothing, erase at the end."""
    _stop(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    locator = database.Locator(folder)
    database.start_embedded(locator)
    try:
        cluster = Cluster(place, folder, locator)
        with cluster.connect("postgres") as admin:
            for name, value in SETTINGS.items():
                admin.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        database._pg_ctl(locator.embedded_folder, "restart")
        yield cluster
    finally:
        _stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _stop(folder: Path) -> None:
    database.stop_embedded(database.Locator(folder))


@dataclass(frozen=True)
class Counters:
    """What the server has done so far for one database: commits; and bytes of WAL for all of them."""

    commits: int
    wal_bytes: int
    at: datetime

    def __sub__(self, earlier: "Counters") -> "Counters":
        return Counters(self.commits - earlier.commits, self.wal_bytes - earlier.wal_bytes, self.at)


def counters(cluster: Cluster, name: str) -> Counters:
    """Complete only for sessions that have ended: a live one reports its own with up to a second of delay."""
    query = (
        "SELECT xact_commit, (SELECT wal_bytes FROM pg_stat_wal), clock_timestamp()"
        " FROM pg_stat_database WHERE datname = %s"
    )
    with cluster.connect("postgres") as admin:
        row = admin.execute(query, [name]).fetchone()
    assert row is not None
    return Counters(int(row[0]), int(row[1]), row[2])
