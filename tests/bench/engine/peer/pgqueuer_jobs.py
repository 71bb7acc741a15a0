"""pgqueuer: five chained jobs. Batches of 50, the setting at which it is fastest here; durability as installed."""

import asyncio
from datetime import timedelta

import psycopg
from peer import common
from pgqueuer import PgQueuer
from pgqueuer.db import PsycopgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

BATCH = 50


async def _connect() -> PsycopgDriver:
    return PsycopgDriver(await psycopg.AsyncConnection.connect(common.DSN, autocommit=True))


def prepare() -> None:
    async def install() -> None:
        await Queries(await _connect()).install()

    asyncio.run(install())


def worker() -> None:
    asyncio.run(_work())


async def _work() -> None:
    driver = await _connect()
    queue = PgQueuer(driver)
    queries = Queries(driver)
    for number in range(1, common.STEPS + 1):
        queue.entrypoint(f"step{number}")(_step(queries, number))
    common.pause_at_gate()
    await queue.run(batch_size=BATCH, log_aggregation_interval=timedelta(0))


def _step(queries: Queries, number: int):
    async def step(job: Job) -> None:
        if number < common.STEPS:
            await queries.enqueue(f"step{number + 1}", job.payload)

    return step


def client() -> None:
    async def submit(count: int) -> None:
        await Queries(await _connect()).enqueue(["step1"] * count, [b""] * count, [0] * count)

    common.serve(lambda count: asyncio.run(submit(count)))
