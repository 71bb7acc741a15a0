"""What was signed last, kept outside the database: a restored or forked database cannot sign over it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings

from evidence.keys import write_private
from tenants import scope


@dataclass(frozen=True)
class Signed:
    """A head that left the house: `root` are 32 bytes, `epoch` is that of the origin it was signed for."""

    size: int
    root: bytes
    epoch: int = 1


def last(log_id: UUID) -> Signed | None:
    path = _path(log_id)
    if not path.exists():
        return None
    members = json.loads(path.read_bytes())
    return Signed(int(members["size"]), bytes.fromhex(members["root"]), int(members.get("epoch", 1)))


def keep(log_id: UUID, signed: Signed) -> None:
    """Remember before publishing: a crash in between repeats the same signature over the same tree."""
    path = _path(log_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    members = {"size": signed.size, "root": signed.root.hex(), "epoch": signed.epoch}
    write_private(path, json.dumps({**members, "tenant": str(scope.current())}).encode())


def logs() -> dict[UUID, UUID | None]:
    """Every log of which a head is kept, and its tenant where the file says so: those of former versions do not."""
    found = {}
    for log_id, path in _files():
        with suppress(FileNotFoundError):  # its epoch ends at this moment: the next look finds it under its new head
            found[log_id] = _tenant(path)
    return found


def _files() -> Iterator[tuple[UUID, Path]]:
    for path in sorted(_folder().glob("*.json")):
        try:
            yield UUID(path.stem), path
        except ValueError:
            continue  # the head of an epoch that ended, the picture of the guards


def _tenant(path: Path) -> UUID | None:
    tenant = json.loads(path.read_bytes()).get("tenant")
    return UUID(tenant) if tenant else None


def _folder() -> Path:
    folder: Path = settings.INTERLOCK_DATA_DIR / "signed"
    return folder


def _path(log_id: UUID) -> Path:
    return _folder() / f"{log_id}.json"


def set_aside(log_id: UUID) -> None:
    """Keep what was signed in the epoch that ends, under a name of its own: it is evidence of what is lost."""
    path = _path(log_id)
    before = last(log_id)
    if before is not None:
        path.replace(path.with_name(f"{path.stem}.epoch-{before.epoch}{path.suffix}"))
