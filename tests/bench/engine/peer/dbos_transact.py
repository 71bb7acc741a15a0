"""DBOS Transact: one workflow of five steps, taken from a queue.

The documented way to spread work over processes is a queue. Its polling interval is lowered from 1 s to 10 ms (a
shorter one costs throughput), the worker concurrency is 25 threads per process, the pool fits them.
"""

import time

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, SetWorkflowID  # noqa: F401 - the public names this peer rests on
from peer import common

QUEUE = "bench"
THREADS = 25
URL = common.DSN.replace("postgresql://", "postgresql+psycopg://")


def _configure() -> None:
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": common.DSN,
        "sys_db_pool_size": THREADS + 5,
        "application_version": "1",
        "log_level": "ERROR",
        "run_admin_server": False,
    }
    DBOS(config=config)


@DBOS.step()
def step(number: int) -> int:
    return number


@DBOS.step()
def read() -> int:
    return common.incident()


@DBOS.step()
def write() -> int:
    return common.message()


@DBOS.workflow()
def noop() -> int:
    return sum(step(number) for number in range(common.STEPS))


@DBOS.workflow()
def http() -> int:
    return step(1) + read() + step(2) + write() + step(3)


def _launch() -> None:
    _configure()
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=THREADS, polling_interval_sec=0.01, on_conflict="always_update")


def prepare() -> None:
    _launch()
    DBOS.destroy()


def worker() -> None:
    _configure()
    common.pause_at_gate()
    DBOS.launch()
    while True:
        time.sleep(1)


def client() -> None:
    door = DBOSClient(system_database_url=common.DSN)
    engine = sa.create_engine(URL)

    def submit(count: int) -> None:
        with engine.begin() as connection:
            for _ in range(count):
                order = {"queue_name": QUEUE, "workflow_name": common.WORK, "app_version": "1"}
                door.enqueue_in_transaction(connection, order)

    common.serve(submit)
