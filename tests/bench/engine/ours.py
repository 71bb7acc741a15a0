"""Ours, as it is run: `qcluster` with two workers, sequencer, sweeper; evidence, row security and roles as always."""

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import psycopg

from controlplane import database
from tests.bench.engine.cluster import Cluster
from tests.bench.engine.contender import ROOT, Client, NotDone, Team

LEASE_S = 10
WORKERS = 2
MADE_NOW = "01a00000-0000-0000-0000-000000000000"
"""Ids of runs count up with time. Rows that only fill the database have older ones: watching must not read them."""


@dataclass(frozen=True)
class Ours:
    name: str = "Interlock"
    done_sql: str = (
        "SELECT pg_xact_commit_timestamp(xmin) AS done_at FROM workflows_run"
        f" WHERE id >= '{MADE_NOW}' AND state = 'SUCCEEDED' AND start_key LIKE 'bench:%'"
    )
    seals: bool = True

    def prepare(self, cluster: Cluster, name: str, work: str) -> None:
        """Roles, tables, a furnished tenant."""
        database.bootstrap(cluster.locator, cluster.server, name=name)
        self._run(cluster, name, "manage.py", "migrate", "--no-input", "-v", "0", INTERLOCK_DB_ROLE="owner")
        self._run(cluster, name, "-m", "tests.bench.engine.ours_client", "prepare")

    def start(self, cluster: Cluster, name: str, work: str) -> Team:
        team = Team(cluster.folder / "logs" / name, self._environment(cluster, name))
        team.start("sequencer", "manage.py", "sequencer", INTERLOCK_DB_ROLE="sequencer")
        team.start("sweeper", "manage.py", "sweeper")
        team.start("qcluster", "manage.py", "qcluster")
        return team

    def client(self, cluster: Cluster, name: str, work: str) -> Client:
        command = [sys.executable, "-m", "tests.bench.engine.ours_client", work]
        return Client(command, self._environment(cluster, name), ROOT)

    def backlog(self, connection: psycopg.Connection[Any]) -> int:
        row = connection.execute("SELECT count(*) FROM evidence_pending").fetchone()
        assert row is not None
        return int(row[0])

    def _run(self, cluster: Cluster, name: str, *command: str, **extra: str) -> None:
        environment = {**os.environ, **self._environment(cluster, name), **extra}
        done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise NotDone(done.stderr[-3000:])

    def _environment(self, cluster: Cluster, name: str) -> dict[str, str]:
        return {
            "INTERLOCK_DATA_DIR": str(cluster.folder),
            "INTERLOCK_DB_NAME": name,
            "INTERLOCK_WORKERS": str(WORKERS),
            "INTERLOCK_RUN_LEASE_S": str(LEASE_S),
            "INTERLOCK_CALL_LEASE_S": str(LEASE_S),
            "INTERLOCK_SEND_WINDOW_S": "2",
            "INTERLOCK_HARD_DEADLINE_S": "6",
            "INTERLOCK_LOG_LEVEL": "ERROR",
            "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        }
