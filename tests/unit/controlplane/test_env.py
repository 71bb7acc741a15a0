"""A malformed or missing value refuses to start, with a sentence for each."""

import os
import subprocess
import sys

import pytest

from controlplane.database import parse_url
from controlplane.env import Environment, Misconfigured
from tests.ground import ROOT


def test_every_bad_value_is_named_at_once() -> None:
    env = Environment({"A": "maybe", "B": "7", "C": "blue", "D": "not base64!"})
    env.flag("A", default=False)
    env.integer("B", 1, at_least=1, at_most=5)
    env.choice("C", "red", ("red", "green"))
    env.secret_bytes("D", 32)
    with pytest.raises(Misconfigured) as refusal:
        env.check()
    text = str(refusal.value)
    assert all(name in text for name in ("A must be", "B must be", "C is 'blue'", "D must be"))


def test_defaults_hold_when_nothing_is_set() -> None:
    env = Environment({})
    assert env.flag("A", default=True) is True
    assert env.integer("B", 3, at_least=1, at_most=5) == 3
    assert env.names("C", ["x"]) == ["x"]
    env.check()


@pytest.mark.parametrize("url", ["mysql://h/n", "postgresql:///", "postgresql://host", "nonsense"])
def test_a_malformed_database_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="DATABASE_URL must"):
        parse_url(url)


def test_a_database_url_keeps_escaped_passwords() -> None:
    server = parse_url("postgresql://adm:p%40ss@db.example:6432/prod")
    assert (server.host, server.port, server.name, server.admin_password) == ("db.example", 6432, "prod", "p@ss")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"INTERLOCK_PRODUCTION": "1"}, "INTERLOCK_SECRET_KEY must be set"),
        ({"INTERLOCK_BUNDLE_TTL_S": "5"}, "INTERLOCK_BUNDLE_TTL_S must be a whole number from 300 to 900"),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL must start with postgresql://"),
        ({"INTERLOCK_DB_ROLE": "superuser"}, "INTERLOCK_DB_ROLE is 'superuser'"),
    ],
)
def test_a_process_with_a_bad_value_does_not_start(changes: dict[str, str], sentence: str) -> None:
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **changes}, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
