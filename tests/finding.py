"""Reads everything there is: every column of every table as superuser, and behind it whatever a key at hand opens."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import sql
from psycopg.rows import dict_row

from evidence.keeping import _about, _aead
from tenants import keys


def plain(dsn: str, needle: str) -> set[str]:
    """Columns that hold the text as it is, also inside binary ones."""
    with psycopg.connect(dsn) as database:
        return {name for name, query in _queries(database) if database.execute(query, _wanted(needle)).fetchone()[0]}


def _wanted(needle: str) -> dict[str, object]:
    return {"text": f"%{needle}%", "bytes": needle.encode()}


def _queries(database: psycopg.Connection) -> Iterator[tuple[str, sql.Composed]]:
    columns = database.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY 1, 2"
    ).fetchall()
    for table, column, kind in columns:
        test = "position(%(bytes)s::bytea in {c}) > 0" if kind == "bytea" else "{c}::text ILIKE %(text)s"
        query = "SELECT EXISTS (SELECT 1 FROM {t} WHERE " + test + ")"
        yield f"{table}.{column}", sql.SQL(query).format(t=sql.Identifier(table), c=sql.Identifier(column))


def decrypted(dsns: list[str], keks: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Every content that opens with the key-encryption keys given, whatever of the chain of keys lies in which of these
    databases: data keys, shred keys, payloads, contents, credentials."""
    rows = {table: [row for dsn in dsns for row in _rows(dsn, table)] for table in _TABLES}
    data_keys = {row["id"]: opened for row in rows["tenants_datakey"] if (opened := _unwrapped(row, keks))}
    for row in rows["tenants_payload"]:
        yield from _content("payload", data_keys.get(row["key_id"]), row, "ciphertext", f"payload|{row['digest']}")
    shred_keys: dict[object, list[bytes]] = {}
    for row in rows["evidence_shredkey"]:
        about = f"shred|{row['subject_id']}"
        for _, key in _content("shred key", data_keys.get(row["data_key_id"]), row, "wrapped", about):
            shred_keys.setdefault(row["subject_id"], []).append(key)
    for row in rows["evidence_content"]:
        for key in shred_keys.get(row["subject_id"], []):
            yield from _kept(row, key)


_TABLES = ("tenants_datakey", "tenants_payload", "evidence_shredkey", "evidence_content")


def _rows(dsn: str, table: str) -> list[dict]:
    with psycopg.connect(dsn, row_factory=dict_row) as database:
        return database.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall()


def _unwrapped(row: dict, keks: list[bytes]) -> bytes | None:
    for kek in keks:
        try:
            return keys.LocalKey(kek).unwrap(row["wrapped"], str(row["tenant_id"]).encode())
        except InvalidTag:
            continue
    return None


def _content(kind: str, key: bytes | None, row: dict, column: str, about: str) -> Iterator[tuple[str, bytes]]:
    if key is None:
        return
    try:
        yield kind, keys.unseal(AESGCM(key), row[column], f"{row['tenant_id']}|{about}".encode())
    except InvalidTag:
        return


def _kept(row: dict, shred_key: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        aead = _aead(shred_key, row["event_id"], row["path"])
        yield "content", keys.unseal(aead, row["ciphertext"], _about(row["event_id"], row["path"]))
    except InvalidTag:
        return


def keks_in(folder: Path) -> list[bytes]:
    """Every key-encryption key of an installation, those of former epochs included."""
    return [path.read_bytes() for path in sorted((folder / "keys").glob("kek*"))]
