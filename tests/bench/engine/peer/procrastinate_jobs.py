"""procrastinate: five chained jobs, each defers the next one and ends. Asynchronous, 10 jobs at a time per process."""

import asyncio

import procrastinate
from peer import common

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=common.DSN, max_size=12))


@app.task(name="step")
async def step(number: int) -> None:
    if number < common.STEPS:
        await step.defer_async(number=number + 1)


def prepare() -> None:
    async def install() -> None:
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    asyncio.run(install())


def worker() -> None:
    async def run() -> None:
        async with app.open_async():
            common.pause_at_gate()
            await app.run_worker_async(concurrency=10, install_signal_handlers=False)

    asyncio.run(run())


def client() -> None:
    async def submit(count: int) -> None:
        async with app.open_async():
            await step.batch_defer_async(*({"number": 1} for _ in range(count)))

    common.serve(lambda count: asyncio.run(submit(count)))
