"""Where the server is and with which token. The environment wins over the file; the file is for its owner only."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from controlplane.cli.exits import CliError, Exit

DEFAULT_URL = "http://localhost:8000"


@dataclass(frozen=True)
class Config:
    url: str
    token: str


def path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "interlock" / "config.json"


def load() -> Config:
    """Raises CliError when there is no token to be found."""
    saved = _saved()
    url = os.environ.get("INTERLOCK_URL") or saved.get("url") or DEFAULT_URL
    token = os.environ.get("INTERLOCK_TOKEN") or saved.get("token", "")
    if not token:
        raise CliError("not signed in", Exit.AUTH, "run `interlock login`, or set INTERLOCK_TOKEN")
    return Config(url.rstrip("/"), token)


def save(config: Config) -> Path:
    target = path()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"url": config.url, "token": config.token}, file)
    return target


def forget() -> bool:
    found = path().exists()
    path().unlink(missing_ok=True)
    return found


def _saved() -> dict[str, str]:
    if not path().exists():
        return {}
    try:
        saved: dict[str, str] = json.loads(path().read_text())
    except ValueError as error:
        raise CliError(f"{path()} is not readable JSON", Exit.USAGE, "run `interlock login` again") from error
    return saved
