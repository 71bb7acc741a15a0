"""The peers from PyPI, in their own environment, and where their finished workflows are seen."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from connectors.sandbox import accounts
from tests.bench.engine.cluster import Cluster
from tests.bench.engine.contender import ROOT, Client, NotDone, Team

PYTHON = ROOT / "build" / "bench-venv" / "bin" / "python"
HERE = Path(__file__).resolve().parent
PROCESSES = 2


def installed() -> bool:
    """Whether their environment is there: `make bench-engine` makes it."""
    return PYTHON.exists()


@dataclass(frozen=True)
class Peer:
    """`processes`: how many are started by us; 1 where one of them starts two workers by itself."""

    name: str
    module: str
    done_sql: str
    processes: int = PROCESSES
    works: tuple[str, ...] = ("noop",)
    seals: bool = False

    def prepare(self, cluster: Cluster, name: str, work: str) -> None:
        cluster.create(name)
        team = Team(cluster.folder / "logs" / name, self._environment(cluster, name, work))
        process = team.start("prepare", "-m", "peer", self.module, "prepare", python=str(PYTHON), cwd=str(HERE))
        if process.wait(120):
            raise NotDone(team.told())

    def start(self, cluster: Cluster, name: str, work: str) -> Team:
        """Started and waiting at the gate."""
        team = Team(cluster.folder / "logs" / name, self._environment(cluster, name, work))
        signs = [cluster.folder / f"{name}-ready-{number}" for number in range(self.processes)]
        gate = cluster.folder / f"{name}-gate"
        for sign in (*signs, gate):
            sign.unlink(missing_ok=True)
        for number, sign in enumerate(signs):
            extra = {"BENCH_READY": str(sign), "BENCH_GATE": str(gate), "cwd": str(HERE)}
            extra["DBOS__VMID"] = f"executor-{number}"
            team.start(f"worker-{number}", "-m", "peer", self.module, "worker", python=str(PYTHON), **extra)
        team.gate, team.ready = gate, lambda: all(sign.exists() for sign in signs)
        return team

    def client(self, cluster: Cluster, name: str, work: str) -> Client:
        command = [str(PYTHON), "-m", "peer", self.module, "client"]
        return Client(command, self._environment(cluster, name, work), HERE)

    def backlog(self, connection: psycopg.Connection[Any]) -> int:
        return 0

    def _environment(self, cluster: Cluster, name: str, work: str) -> dict[str, str]:
        return {
            "BENCH_DSN": cluster.url(name),
            "BENCH_WORK": work,
            "BENCH_SERVICENOW": f"{accounts.SERVICENOW_USER}:{accounts.SERVICENOW_PASSWORD}",
            "BENCH_SLACK": accounts.SLACK_BOT_TOKEN,
        }


DBOS = Peer(
    "DBOS Transact",
    "dbos_transact",
    "SELECT pg_xact_commit_timestamp(xmin) AS done_at FROM dbos.workflow_status WHERE status = 'SUCCESS'",
    works=("noop", "http"),
)
PEERS = (
    DBOS,
    Peer(
        "procrastinate",
        "procrastinate_jobs",
        "SELECT pg_xact_commit_timestamp(xmin) AS done_at FROM procrastinate_jobs"
        " WHERE status = 'succeeded' AND args->>'number' = '5'",
    ),
    Peer(
        "pgqueuer",
        "pgqueuer_jobs",
        "SELECT pg_xact_commit_timestamp(xmin) AS done_at FROM pgqueuer_log"
        " WHERE status = 'successful' AND entrypoint = 'step5'",
    ),
    Peer(
        "absurd",
        "absurd_tasks",
        "SELECT pg_xact_commit_timestamp(xmin) AS done_at FROM absurd.t_bench WHERE state = 'completed'",
    ),
    Peer(
        "django-q2, ORM broker",
        "django_q",
        "SELECT pg_xact_commit_timestamp(xmin) AS done_at FROM django_q_task WHERE \"group\" = 'step5'",
        processes=1,
    ),
    Peer(
        "django-tasks-db",
        "django_tasks_database",
        "SELECT pg_xact_commit_timestamp(xmin) AS done_at FROM django_tasks_database_dbtaskresult"
        " WHERE status = 'SUCCESSFUL' AND args_kwargs->'kwargs'->>'number' = '5'",
    ),
)
